"""The report in a real browser: nothing is fetched, nothing complains, and it fits a desk and a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, overflow
from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision
from vision_ft.bundle.manifest import DataInfo, InputSpec, Manifest, Stage, Weights
from vision_ft.evaluation import Figure, Flattery, PredictionTable, choose, decided, summarise, write_report
from vision_ft.recipe.objective import Objective

pytestmark = pytest.mark.browser

CLASSES = (
    ClassInfo(id="good", name="Good part", good=True),
    ClassInfo(id="scratch", name="Scratch along the rolling direction"),
    ClassInfo(id="dent", name="Dent"),
    ClassInfo(id="missing_part", name="Missing part"),
)
PARTS, SHOTS = 48, 3

Open = Callable[[Path, tuple[int, int]], Page]


@pytest.fixture(scope="module")
def table() -> PredictionTable:
    """Answers on parts that are alike within themselves, some of them wrong, from two cameras."""
    rng = np.random.default_rng(7)
    part = np.repeat(np.arange(PARTS), SHOTS)
    target = (np.arange(PARTS) % len(CLASSES))[part]
    logits = rng.normal(size=(len(part), len(CLASSES))) + rng.normal(size=(PARTS, len(CLASSES)))[part]
    logits[np.arange(len(part)), target] += 2.2
    odds = np.exp(logits)
    names = np.array([f"batch_2026-04/part_{p:04d}" for p in part], dtype=np.str_)
    return PredictionTable(
        classes=CLASSES,
        paths=np.array(
            [f"{CLASSES[t].id}/2026-04-17T06-31-22_line-4_part-{p:04d}_shot-{n % SHOTS}.png"
             for n, (t, p) in enumerate(zip(target, part, strict=True))],
            dtype=np.str_,
        ),
        targets=target.astype(np.int64),
        probabilities=odds / odds.sum(axis=1, keepdims=True),
        decisions=(Decision.PASS,) * len(part),
        distances=np.full(len(part), np.nan),
        parts=names,
        groups=names,
        seen=np.zeros(len(part), dtype=np.bool_),
        slices={"camera": np.where(np.arange(len(part)) % 2 == 0, "left", "right").astype(np.str_)},
        origin="bundle",
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(table: PredictionTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that a run writes, with everything that it can hold."""
    objective = Objective(max_escape_rate=0.05, max_review_share=0.1)
    point = choose(table, objective)
    manifest = Manifest(
        name="line-4-castings",
        version="20260417-7f3a",
        created="2026-04-17T00:00:00Z",
        stages=(
            Stage(
                task="classify",
                classes=CLASSES,
                input=InputSpec(height=224, width=224),
                outputs=("probabilities",),
                heatmap="the backbone has no spatial map",
                prior={c.id: 1 / len(CLASSES) for c in CLASSES},
                weights=Weights(backbone="efficientnet_lite0", source="a package", licence="Apache-2.0"),
            ),
        ),
        data=DataInfo(
            card="castings",
            fingerprint="f" * 64,
            images=480,
            parts=160,
            images_per_class={c.id: 120 for c in CLASSES},
            parts_per_class={c.id: 40 for c in CLASSES},
        ),
        libraries={"numpy": "2.0"},
        decision=point.rule,
        objective=objective.model_dump(mode="json"),
        findings=point.findings,
    )
    judged = decided(table, point.rule)
    return write_report(
        tmp_path_factory.mktemp("report"),
        manifest=manifest,
        table=judged,
        summary=summarise(judged, manifest),
        images=_picture,
        overlay=_picture,
        curves=[
            {"epoch": e, "train_loss": 1.0 / e, "val_loss": 0.5 + 0.1 * abs(e - 3), "val_macro_f1": 0.1 * e, "lr": 0.1}
            for e in range(1, 7)
        ],
        flattery=Flattery(
            Figure(0.96, 0.93, 0.98), Figure(0.48, 0.41, 0.56), ("good", "dent"), (), "it would have flattered"
        ),
    )


@pytest.fixture
def show(browser: Browser) -> Iterator[Open]:
    """Open a file in a window of some size; the test fails where the page asked for anything else, or complained."""
    with _watched(browser) as made:
        yield made


@contextmanager
def _watched(browser: Browser) -> Iterator[Open]:
    opened: list[tuple[Page, list[str], list[str]]] = []

    def made(file: Path, size: tuple[int, int]) -> Page:
        page = browser.new_context(viewport={"width": size[0], "height": size[1]}, offline=True).new_page()
        complaints: list[str] = []
        requests: list[str] = []
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        opened.append((page, complaints, requests))
        page.goto(file.as_uri())
        return page

    yield made
    for page, complaints, requests in opened:
        own = page.url
        page.context.close()
        assert complaints == []
        # The pictures are in the page itself: a data URI is no request to anybody.
        assert [url for url in requests if not url.startswith("data:")] == [own]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_matters_is_seen(show: Open, report: Path, table: PredictionTable, size: tuple[int, int]) -> None:
    page = show(report, size)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#verdict h2")).to_be_visible()
    figures = page.locator("#figures .key")
    for name in ("Escape rate", "Overkill rate", "Balanced accuracy"):
        figure = figures.filter(has=page.get_by_text(name, exact=True))
        expect(figure.locator(".value")).to_be_visible()
        expect(figure.locator(".value")).to_contain_text("%" if "rate" in name else ".")

    wrong = int((table.labels != table.targets).sum())
    assert wrong > 5, "a page without mistakes would show none"
    matrix = page.locator("#confusion figure svg")
    expect(matrix).to_be_visible()
    assert matrix.locator("rect.cell").count() == len(CLASSES) ** 2
    expect(matrix.locator("text.count").first).to_be_visible()

    shown = page.locator("#mistakes article")
    assert shown.count() == min(wrong, 48)
    for one in (shown.first, shown.last):
        one.scroll_into_view_if_needed()
        expect(one.locator(".answer")).to_be_visible()
    # Whether a picture was really drawn is known by its own size.
    drawn = page.locator("#mistakes img").evaluate_all("all => all.map(one => one.complete && one.naturalWidth)")
    assert len(drawn) == 2 * shown.count()
    assert all(drawn)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("light", ["light", "dark"])
def test_it_is_as_wide_as_the_window(show: Open, report: Path, size: tuple[int, int], light: str) -> None:
    page = show(report, size)
    page.emulate_media(color_scheme="dark" if light == "dark" else "light")
    assert overflow(page) == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(21, 24, 28)" if light == "dark" else "rgb(255, 255, 255)")


def test_what_is_too_wide_would_be_noticed(show: Open, report: Path) -> None:
    page = show(report, PHONE)
    page.evaluate("document.querySelector('h1').style.width = '900px'")
    assert overflow(page) == ["h1"]


def test_a_page_that_fetches_or_complains_would_be_noticed(browser: Browser, report: Path, tmp_path: Path) -> None:
    planted = tmp_path / "report.html"
    text = report.read_text(encoding="utf-8")
    planted.write_text(text.replace("</main>", '<img src="http://localhost:9/x.png"></main>'), encoding="utf-8")
    with pytest.raises(AssertionError, match=r"ERR_|localhost:9"), _watched(browser) as made:
        made(planted, DESKTOP).wait_for_load_state()


def _picture(path: str) -> NDArray[np.uint8]:
    """A picture of the image at `path`, uint8 RGB [H, W, 3]."""
    return np.full((300, 400, 3), sum(path.encode()) % 200, np.uint8)
