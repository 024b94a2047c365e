"""The two complaints about an image that starts well."""

from __future__ import annotations

from vision_ft.errors import TruncatedImageError


def damaged(what: str) -> TruncatedImageError:
    """The error for an image that contradicts itself; `what` says where."""
    return TruncatedImageError("the image is damaged", got=what, remedy="Send the file as the camera wrote it.")


def ended_early(data: bytes, *, header: bool = False) -> TruncatedImageError:
    """The error for an image whose data ends before its pixels, or already within its header."""
    where = "within its header" if header else "early"
    return TruncatedImageError(f"the image ends {where}", got=f"{len(data)} bytes", remedy="Send the whole file.")
