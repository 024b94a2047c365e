"""The reference is read as it was written, and never as a pickle."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from vision_ft.bundle.reference import REFERENCE, Reference, read_reference
from vision_ft.errors import BundleError


@pytest.fixture
def reference() -> Reference:
    random = np.random.default_rng(0)
    return Reference(
        embeddings=random.random((5, 4)).astype(np.float16),
        targets=np.arange(5, dtype=np.int32),
        scores=random.random((3, 2), dtype=np.float32),
        score_targets=np.arange(3, dtype=np.int32),
        confusion=np.eye(2, dtype=np.int64),
        quality=random.random((5, 3), dtype=np.float32),
        slices=np.array(["", "camera=a", "line=ü", "", "x=1;y=2"], dtype=np.str_),
    )


def test_it_comes_back_as_it_was(tmp_path: Path, reference: Reference) -> None:
    reference.write(tmp_path)
    found = read_reference(tmp_path)
    assert found is not None
    for field in fields(Reference):
        before, after = getattr(reference, field.name), getattr(found, field.name)
        np.testing.assert_array_equal(after, before, err_msg=field.name)
        assert after.dtype == before.dtype


def test_a_bundle_without_one(tmp_path: Path) -> None:
    assert read_reference(tmp_path) is None


def test_objects_are_not_unpickled(tmp_path: Path, reference: Reference) -> None:
    replace(reference, targets=np.array([object()], dtype=object)).write(tmp_path)
    with pytest.raises(BundleError, match="pickle"):
        read_reference(tmp_path)


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / REFERENCE, targets=np.zeros(2))
    with pytest.raises(BundleError, match="embeddings"):
        read_reference(tmp_path)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 and nothing more"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / REFERENCE).write_bytes(content)
    with pytest.raises(BundleError, match=f"{REFERENCE} cannot be read"):
        read_reference(tmp_path)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_refused(tmp_path: Path, reference: Reference, share: float) -> None:
    reference.write(tmp_path)
    content = (tmp_path / REFERENCE).read_bytes()
    (tmp_path / REFERENCE).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BundleError):
        read_reference(tmp_path)
