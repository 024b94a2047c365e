"""Read a mask: values by pixel, whatever kind of image holds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decode import decode
from vision_ft.errors import DataError, ImageError

OBJECT_FROM = 128
"""In a mask of black and white, the least value of the object: compression leaves values in between."""


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Decode a mask: uint8 [H, W] where it is grey, uint8 RGB [H, W, 3] where it has colours.

    Samples of 16 bits keep their values up to 255. Raises DataError that names the file.
    """
    try:
        image = decode(path.read_bytes(), window=(0.0, 255.0))
    except OSError as error:
        raise DataError(f"The mask {path} cannot be read", got=error.strerror or str(error)) from error
    except ImageError as error:
        raise DataError(f"The mask {path} cannot be read", got=str(error).rstrip(".")) from error
    red = image[:, :, 0]
    if (image[:, :, 1] == red).all() and (image[:, :, 2] == red).all():
        return np.ascontiguousarray(red)
    return image


def object_of(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a mask of background and object shows the object, bool [H, W]; `mask` is as `read_mask` gives it.

    That is what is at least half bright, or, where the mask has no such pixel, what is not black.
    """
    grey = mask if mask.ndim == 2 else mask.max(axis=2)
    return np.asarray(grey >= (OBJECT_FROM if grey.max(initial=0) >= OBJECT_FROM else 1), np.bool_)


def value_of(mask: NDArray[np.uint8], code: str) -> NDArray[np.bool_]:
    """Where a mask has the grey value ("3") or colour ("#ff0000") of a `MaskCode`, bool [H, W]."""
    wanted = bytes.fromhex(code[1:]) if code.startswith("#") else bytes([int(code)] * 3)
    if mask.ndim == 2:
        grey = len(set(wanted)) == 1
        return mask == wanted[0] if grey else np.zeros(mask.shape, np.bool_)
    return np.asarray((mask == np.frombuffer(wanted, np.uint8)).all(axis=2), np.bool_)
