"""A bundle opens when every file is what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vision_ft.bundle import open_bundle
from vision_ft.bundle.folder import TRAINING_IMAGES, file_digests, sha256_of
from vision_ft.bundle.manifest import read_manifest, write_manifest
from vision_ft.errors import BundleError, ChecksumError, ManifestError

MakeBundle = Callable[..., Path]


def test_an_intact_bundle_opens(make_bundle: MakeBundle) -> None:
    folder = make_bundle()
    for path in (folder, str(folder)):
        bundle = open_bundle(path)
        assert bundle.manifest.name == "colours"
        assert bundle.model_path() == folder / "model.onnx"
        assert bundle.training_digests() == {"ab" * 32}
        assert bundle.reference() is not None


def test_it_opens_elsewhere(make_bundle: MakeBundle, tmp_path: Path) -> None:
    moved = make_bundle().rename(tmp_path / "somewhere else")
    assert open_bundle(moved).path == moved


@pytest.mark.parametrize("name", ["model.onnx", "card.md", TRAINING_IMAGES, "reference.npz"])
def test_a_changed_byte_is_refused_by_name(make_bundle: MakeBundle, name: str) -> None:
    file = make_bundle() / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(ChecksumError, match=f"{name} was changed"):
        open_bundle(file.parent)


@pytest.mark.parametrize("name", ["model.onnx", "card.md", TRAINING_IMAGES, "reference.npz"])
def test_a_missing_file_is_refused_by_name(make_bundle: MakeBundle, name: str) -> None:
    folder = make_bundle()
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"lacks {name}"):
        open_bundle(folder)


def test_a_graph_without_checksum_is_refused(make_bundle: MakeBundle) -> None:
    folder = make_bundle()
    manifest = read_manifest(folder)
    files = {name: digest for name, digest in manifest.files.items() if name != "model.onnx"}
    write_manifest(folder, manifest.model_copy(update={"files": files}))
    with pytest.raises(BundleError, match=r"expected a checksum of model\.onnx"):
        open_bundle(folder)


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="is not a bundle"):
        open_bundle(tmp_path)


def test_what_a_file_browser_leaves_behind_is_no_change(make_bundle: MakeBundle) -> None:
    folder = make_bundle()
    for name in (".DS_Store", "Thumbs.db"):
        (folder / name).write_bytes(b"icons")
    open_bundle(folder)
    (folder / "model.onnx.bak").write_bytes(b"?")
    with pytest.raises(ChecksumError, match=r"model\.onnx\.bak"):
        open_bundle(folder)


def test_a_file_is_no_bundle(make_bundle: MakeBundle) -> None:
    with pytest.raises(ManifestError, match="is not a bundle"):
        open_bundle(make_bundle() / "manifest.json")


def test_a_file_that_may_not_be_read_is_named(make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    folder = make_bundle()
    monkeypatch.setattr("vision_ft.bundle.folder.sha256_of", refuse)
    with pytest.raises(BundleError, match="cannot be read"):
        open_bundle(folder)


def test_digests_name_every_file_but_the_manifest(make_bundle: MakeBundle) -> None:
    folder = make_bundle()
    (folder / "extra").mkdir()
    (folder / "extra" / "plot.svg").write_text("<svg/>")
    found = file_digests(folder)
    assert set(found) == {"model.onnx", "card.md", TRAINING_IMAGES, "reference.npz", "extra/plot.svg"}
    assert found["card.md"] == sha256_of(folder / "card.md")
    # The first example of FIPS 180-2.
    (folder / "extra" / "plot.svg").write_bytes(b"abc")
    assert sha256_of(folder / "extra" / "plot.svg").startswith("ba7816bf8f01cfea414140de5dae2223b00361a3")


def test_a_bundle_may_lack_reference_and_digests(make_bundle: MakeBundle) -> None:
    folder = make_bundle(reference=False)
    (folder / TRAINING_IMAGES).unlink()
    write_manifest(folder, read_manifest(folder).model_copy(update={"files": file_digests(folder)}))
    bundle = open_bundle(folder)
    assert bundle.reference() is None
    assert bundle.training_digests() == frozenset()
