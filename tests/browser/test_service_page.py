"""The service's page in a real browser: an image is tried, and what each task has to say is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Browser, Page, expect

from serving.settings import Settings
from tests.browser.conftest import DESKTOP, PHONE, overflow
from tests.serving.conftest import running
from tests.support.tiny_bundle import build_tiny_bundle
from tests.support.tiny_finders import (
    build_tiny_detector,
    build_tiny_oddity,
    build_tiny_pipeline,
    build_tiny_segmenter,
    quarters,
)

pytestmark = pytest.mark.browser

BUILD = {
    "classifier": build_tiny_bundle,
    "detector": build_tiny_detector,
    "segmenter": build_tiny_segmenter,
    "oddity": build_tiny_oddity,
    "pipeline": build_tiny_pipeline,
}
WIDTH, HEIGHT = 320, 240

Try = Callable[[str, tuple[int, int]], Page]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Callable[[str], str]]:
    """The address of a service of each kind, started once."""
    opened: dict[str, tuple[Iterator[str], str]] = {}

    def serve(name: str) -> Iterator[str]:
        bundle = BUILD[name](tmp_path_factory.mktemp("service") / name)
        with running(Settings(bundle=bundle, device="cpu", threads=1)) as service:
            yield service.url

    def address(name: str) -> str:
        if name not in opened:
            served = serve(name)
            opened[name] = (served, next(served))
        return opened[name][1]

    yield address
    for served, _ in opened.values():
        next(served, None)


@pytest.fixture
def tried(browser: Browser, pages: Callable[[str], str], tmp_path: Path) -> Iterator[Try]:
    """Open the page of a service, and try an image; the test fails where the page complained or asked elsewhere."""
    image = tmp_path / "part.png"
    colours = quarters((250, 0, 0), (60, 60, 60), (0, 0, 200), (220, 0, 0), width=WIDTH, height=HEIGHT)
    cv2.imwrite(str(image), colours[:, :, ::-1])
    complaints: list[str] = []
    opened: list[Page] = []

    def made(name: str, size: tuple[int, int]) -> Page:
        url = pages(name)
        page = browser.new_context(viewport={"width": size[0], "height": size[1]}).new_page()
        opened.append(page)
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((url, "data:", "blob:")) else complaints.append(asked.url),
        )
        page.goto(url)
        page.set_input_files("#file", str(image))
        expect(page.locator("#result")).to_be_visible()
        return page

    yield made
    for page in opened:
        page.context.close()
    assert complaints == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", BUILD)
def test_the_answer_is_seen_and_drawn(tried: Try, name: str, size: tuple[int, int]) -> None:
    page = tried(name, size)
    expect(page.locator("#decision")).to_have_text("reject")
    expect(page.locator("#label")).to_contain_text("Unlike good parts" if name == "oddity" else "Red scratch")
    picture = page.locator("#picture")
    assert picture.evaluate("one => one.decode().then(() => [one.naturalWidth, one.naturalHeight])") == [WIDTH, HEIGHT]
    assert str(picture.get_attribute("src")).startswith("data:image/png")
    page.locator("#drawn").uncheck()
    assert str(picture.get_attribute("src")).startswith("blob:")
    assert overflow(page, ".frame, .wide, pre") == []


@pytest.mark.parametrize(
    ("name", "heads", "rows"),
    [
        ("detector", ["Class", "Score", "At (px)", "Size (px)"], 3),
        ("segmenter", ["Class", "Score", "Area", "Length", "At (px)", "Size (px)"], 2),
        ("oddity", ["Peak", "Area", "At (px)", "Size (px)"], 1),
        ("pipeline", ["Class", "Score", "Found", "Named", "At (px)", "Size (px)"], 3),
    ],
)
def test_what_was_found_is_listed(tried: Try, name: str, heads: list[str], rows: int) -> None:
    page = tried(name, DESKTOP)
    expect(page.locator("#probabilities")).to_be_hidden()
    assert page.locator("#found th").all_inner_texts() == heads
    expect(page.locator("#found tbody tr")).to_have_count(rows)
    expect(page.locator("#found caption")).to_contain_text(f"{rows} found")


def test_a_row_points_at_its_box(tried: Try) -> None:
    page = tried("detector", DESKTOP)
    spot, row = page.locator("#spot"), page.locator("#found tbody tr", has_text="Blue stain")
    expect(spot).to_be_hidden()
    row.hover()
    expect(spot).to_be_visible()
    frame, box = page.locator(".frame").bounding_box(), spot.bounding_box()
    assert frame is not None
    assert box is not None
    assert box["x"] == pytest.approx(frame["x"], abs=3)
    assert box["y"] == pytest.approx(frame["y"] + frame["height"] / 2, abs=3)
    assert box["width"] == pytest.approx(frame["width"] / 2, abs=3)
    page.locator("#drawn").focus()
    page.mouse.move(0, 0)
    expect(spot).to_be_hidden()
    row.focus()
    expect(spot).to_be_visible()


def test_a_task_that_lists_nothing_shows_its_probabilities(tried: Try) -> None:
    page = tried("classifier", DESKTOP)
    expect(page.locator("#found")).to_be_hidden()
    expect(page.locator("#probabilities tbody tr")).to_have_count(3)


def test_the_models_stages_are_named(tried: Try) -> None:
    page = tried("pipeline", DESKTOP)
    expect(page.locator("#facts")).to_contain_text("detect; then classify")
    expect(page.locator("#facts")).to_contain_text("heatmap=overlay")
