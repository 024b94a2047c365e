"""Open a bundle: a folder whose every file is what was written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from vision_ft.bundle.manifest import MANIFEST, Manifest, read_manifest
from vision_ft.bundle.reference import Reference, read_reference
from vision_ft.errors import BundleError, ChecksumError

# What file browsers leave behind; nothing of a bundle is read from them.
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
TRAINING_IMAGES = "training_images.txt"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle on disk."""

    path: Path
    manifest: Manifest

    def model_path(self, stage: int = 0) -> Path:
        """Path of a stage's ONNX graph."""
        return self.path / self.manifest.stages[stage].model

    def reference(self) -> Reference | None:
        """The reference of the first stage, if the bundle has one."""
        return read_reference(self.path)

    def training_digests(self) -> frozenset[str]:
        """sha256 (hex) of the images that the model was trained on."""
        path = self.path / TRAINING_IMAGES
        return frozenset(path.read_text(encoding="ascii").split()) if path.exists() else frozenset()


def sha256_of(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def file_digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below a bundle's folder but its manifest, by relative POSIX path."""
    return {name: sha256_of(folder / name) for name in _names(folder)}


def _names(folder: Path) -> list[str]:
    """Every file but the manifest, relative and with forward slashes."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p != folder / MANIFEST and p.name not in _LITTER)
    return [p.relative_to(folder).as_posix() for p in files]


def open_bundle(path: Path | str) -> Bundle:
    """Open and verify a bundle.

    Raises `ManifestError`, `ChecksumError` (naming the file that changed, or that was added) or `BundleError`
    (a file is missing or cannot be read).
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    for name, expected in manifest.files.items():
        file = folder / name
        if not file.is_file():
            raise BundleError(f"{folder} lacks {name}", remedy="Copy the whole folder again.")
        try:
            digest = sha256_of(file)
        except OSError as error:
            raise BundleError(
                f"{file} cannot be read", got=error.strerror or str(error), remedy="Let the user who runs this read it."
            ) from error
        if digest != expected:
            raise ChecksumError(
                f"{file} was changed after it was written", remedy="Copy the bundle again, or export it anew."
            )
    for stage in manifest.stages:
        if stage.model not in manifest.files:
            raise BundleError(
                f"{folder}, stage {stage.task}",
                expected=f"a checksum of {stage.model}",
                remedy="Export the bundle anew.",
            )
    strange = sorted(set(_names(folder)) - set(manifest.files))
    if strange:
        raise ChecksumError(
            f"{folder} holds {strange[0]}, which its manifest does not list",
            remedy="Remove it, or copy the bundle again.",
        )
    return Bundle(folder, manifest)
