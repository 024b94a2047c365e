"""Debian's chromium, and what is asked of every page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

DESKTOP, PHONE = (1280, 900), (400, 800)
"""Width and height of the window, in CSS pixels."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, or a skip that says what to do."""
    programme = shutil.which("chromium") or shutil.which("chromium-browser")
    if programme is None:
        pytest.skip(
            "NO CHROMIUM: the pages were seen by no browser; run scripts/install_debian.sh, or install chromium"
        )
    with sync_playwright() as playwright:
        # Its sandbox cannot be had in a container, and the pages are our own.
        chromium = playwright.chromium.launch(executable_path=programme, chromium_sandbox=False)
        yield chromium
        chromium.close()


def overflow(page: Page, scrolling: str = ".scroll, svg") -> list[str]:
    """Elements that reach beyond the window's right edge, unless what holds them scrolls by itself."""
    found: list[str] = page.evaluate(
        """scrolling => {
            const wide = document.documentElement.clientWidth;
            const out = [...document.body.querySelectorAll('*')].filter(one =>
                one.getBoundingClientRect().right > wide + 0.5 && !one.parentElement.closest(scrolling));
            const scrolls = document.documentElement.scrollWidth > wide;
            return out.length || !scrolls ? out.map(one => one.tagName.toLowerCase()) : ['the page'];
        }""",
        scrolling,
    )
    return found
