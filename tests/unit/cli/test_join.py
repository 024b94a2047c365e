"""`vision-ft join`: its flags reach the bundle, and what does not fit is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny_finders import build_tiny_detector
from tests.unit.cli.conftest import Run
from vision_ft.bundle.manifest import CropSpec, read_manifest


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    return build_tiny_detector(tmp_path / "detector")


def test_it_says_where_the_bundle_is(run: Run, detector: Path, bundle: Path) -> None:
    answer = run("join", detector, bundle, "--out", "both")
    assert (answer.code, answer.out, answer.err) == (0, "bundle: both\n", "")
    manifest = read_manifest(Path("both"))
    assert (manifest.name, manifest.stages[1].crop) == ("both", CropSpec())


def test_its_flags_reach_the_bundle(run: Run, detector: Path, bundle: Path) -> None:
    flags = ("--name", "signs", "--margin", "0.5", "--score-from", "0.3")
    assert run("join", detector, bundle, "--out", "both", *flags).code == 0
    manifest = read_manifest(Path("both"))
    assert (manifest.name, manifest.stages[1].crop) == ("signs", CropSpec(margin=0.5, score_from=0.3))


def test_the_joined_bundle_predicts(run: Run, detector: Path, bundle: Path, parts: Path) -> None:
    run("join", detector, bundle, "--out", "both")
    answer = run("predict", "both", parts, "--format", "csv")
    assert answer.code == 0
    assert answer.out.startswith("file,label,probability,found,decision")


@pytest.mark.parametrize("flags", [("--margin", "-0.1"), ("--margin", "2.5"), ("--score-from", "1.5")])
def test_flags_out_of_range_are_wrong_usage(run: Run, detector: Path, bundle: Path, flags: tuple[str, str]) -> None:
    answer = run("join", detector, bundle, "--out", "both", *flags)
    assert answer.code == 2
    assert "--margin from 0 to 2, --score-from from 0 to 1" in answer.complaint
    assert not Path("both").exists()


def test_the_wrong_order_is_told(run: Run, detector: Path, bundle: Path) -> None:
    answer = run("join", bundle, detector, "--out", "both")
    assert answer.code == 1
    assert "Give the detector first." in answer.complaint
    assert not Path("both").exists()


def test_without_a_folder_nothing_is_done(run: Run, detector: Path, bundle: Path) -> None:
    answer = run("join", detector, bundle)
    assert answer.code == 2
    assert "--out" in answer.complaint
