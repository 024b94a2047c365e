"""One look at a file: what it says, and that bad files are told and not raised."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision_ft.data import probe
from vision_ft.data.probe import Prober, probe_file

Draw = Callable[..., Path]


def test_header_and_digest_without_a_decode(draw: Draw) -> None:
    path = draw("a.jpg", size=(20, 30))
    seen = probe_file(path)
    assert (seen.width, seen.height, seen.format, seen.bits, seen.error) == (30, 20, "JPEG", 8, "")
    assert seen.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert seen.thumb is None


def test_a_decode_measures_the_pixels(draw: Draw) -> None:
    dark, bright = (probe_file(draw(f"{light}.png", light=light), decode=True) for light in (60, 200))
    assert 0 < dark.brightness < bright.brightness < 1
    assert dark.sharpness > 0
    assert dark.thumb is not None
    assert dark.thumb.shape == (32, 32)


def test_bit_depth_is_that_of_the_file(tmp_path: Path) -> None:
    for name in ("deep.png", "deep.tif"):
        assert cv2.imwrite(str(tmp_path / name), np.full((4, 4, 3), 40000, dtype=np.uint16))
        assert probe_file(tmp_path / name).bits == 16


@pytest.mark.parametrize(
    ("content", "decode", "complaint"),
    [(b"", False, "empty"), (b"no image at all", False, "no image"), (b"\x89PNG\r\n\x1a\n", False, "header")],
)
def test_bad_files_are_told(tmp_path: Path, content: bytes, decode: bool, complaint: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert complaint in probe_file(tmp_path / "a.png", decode=decode).error


def test_only_a_decode_sees_that_a_file_ends_early(draw: Draw, tmp_path: Path) -> None:
    whole = draw("a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    assert not probe_file(tmp_path / "a.png").error
    assert "ends early" in probe_file(tmp_path / "a.png", decode=True).error


def test_a_decode_can_be_for_proof_alone(draw: Draw) -> None:
    path = draw("a.png")
    seen = Prober(decode=True, measured=False).probe([path])[0]
    assert (seen.error, seen.thumb) == ("", None)
    path.write_bytes(path.read_bytes()[:-40])
    assert "ends early" in probe_file(path, decode=True, measured=False).error


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    assert probe_file(tmp_path / "none.png").error == "no such file"
    assert "cannot be read" in probe_file(tmp_path).error


def test_a_file_is_looked_at_once(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [draw(f"{n}.png", n) for n in range(3)]
    prober = Prober(decode=True)
    first = prober.probe([*paths, paths[0]])
    assert first[0] is first[3]
    monkeypatch.setattr(probe, "probe_file", None)
    assert prober.probe(reversed(paths)) == [first[2], first[1], first[0]]
