"""Class folders: `<class>/**/image`, also below `train`, `val` and `test` folders.

A PNG beside an image of another type with the same stem is that image's mask, and so is
`<name>_mask.png` beside the image `<name>`. A root that holds `images/<class>/...` and
`masks/<class>/...` is read as class folders with masks, which are called like their images or `<name>_mask`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.build import SPLIT_NAMES, Row, build, is_image, named_in_utf8, printable
from vision_ft.data.index import Index, Rejected
from vision_ft.data.probe import Prober
from vision_ft.errors import DataError

IMAGES, MASKS = "images", "masks"
_SUFFIX = "_mask"
"""What a mask's name may have more than its image's."""
_NO_CLASS = "lies in no class folder"


def matches(root: Path) -> bool:
    """Tell whether some folder below `root` holds an image."""
    return any("/" in path for path in walk(root))


def read(root: Path, *, prober: Prober | None = None) -> Index:
    """Read class folders; a class's id is its folder's name.

    Images beside the class folders, those whose names are no UTF-8, and masks without an image
    are listed in the index's `rejected`. Raises DataError when there is no image in a class folder, or a
    folder cannot be read.
    """
    paths, rejected = named_in_utf8(walk(root))
    base, masks = _base(paths)
    apart = [path for path in paths if base == IMAGES and path.startswith(f"{MASKS}/")]
    images, siblings = _siblings([path for path in paths if not (base == IMAGES and path.startswith(f"{MASKS}/"))])
    split_folders = _split_folders(images, base)
    rows = []
    taken: set[str | None] = set()
    for path in images:
        stem = PurePosixPath(path).relative_to(base).with_suffix("").as_posix()
        mask = siblings.get(path) or masks.get(stem) or masks.get(f"{stem}{_SUFFIX}")
        taken.add(mask)
        folders = PurePosixPath(path).relative_to(base).parts[:-1]
        split = SPLIT_NAMES[folders[0].lower()] if folders and folders[0] in split_folders else None
        names = folders[1:] if split else folders
        if not names:
            rejected.append(Rejected(path, _NO_CLASS))
            continue
        rows.append(Row(path, (names[0],), split=split, mask=mask))
    rejected += [Rejected(path, "there is no image to it") for path in apart if path not in taken]
    if not rows:
        raise DataError(
            f"{root} holds no class folders with images",
            expected="a folder for each class",
            got=_instead(rejected),
            remedy="Sort the images into one folder a class, or give a CSV or a data card.",
        )
    notes = []
    if siblings:
        what = "1 PNG file beside an image of the same name was read as its mask"
        many = f"{len(siblings)} PNG files beside images of the same name were read as their masks"
        notes.append(f"{what if len(siblings) == 1 else many}.")
    classes = [ClassInfo(id=one, name=one) for one in sorted({row.targets[0] for row in rows})]
    return build(root, rows, classes, prober=prober, rejected=rejected, notes=notes)


def walk(root: Path) -> Iterator[str]:
    """Give each image below `root` as a relative POSIX path, sorted folder by folder.

    Hidden files and folders are left out; linked folders are followed, each once. Raises
    DataError for a folder that cannot be read, for the images in it would be missing unsaid.
    """
    if not root.is_dir():
        raise DataError(f"{root} is no folder", expected="the folder that holds the images")
    visited: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=_unreadable):
        real = os.path.realpath(folder)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(one for one in folders if not one.startswith((".", "__MACOSX")))
        relative = Path(folder).relative_to(root)
        for name in sorted(files):
            if is_image(relative / name):
                yield (relative / name).as_posix()


def _unreadable(error: OSError) -> None:
    raise DataError(
        f"The folder {printable(str(error.filename))} cannot be read",
        got=error.strerror or str(error),
        remedy="Give this user the right to read it, or move it away.",
    ) from error


def _instead(rejected: Sequence[Rejected]) -> str:
    beside = sum(one.reason == _NO_CLASS for one in rejected)
    if beside:
        return f"{beside} image{'s' * (beside != 1)} beside the folders"
    return f"{rejected[0].path}: {rejected[0].reason}" if rejected else "no image"


def _base(paths: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Give the folder that holds the class folders, and masks by their stem below `masks`."""
    tops = {PurePosixPath(path).parts[0] for path in paths}
    nested = any(len(PurePosixPath(path).parts) > 2 for path in paths if path.startswith(f"{IMAGES}/"))
    if IMAGES not in tops or not nested or not tops <= {IMAGES, MASKS}:
        return ".", {}
    below = [path for path in paths if path.startswith(f"{MASKS}/")]
    return IMAGES, {PurePosixPath(path).relative_to(MASKS).with_suffix("").as_posix(): path for path in below}


def _siblings(paths: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Part images from the PNG masks beside them: the images, and each image's mask."""
    stems: dict[str, list[str]] = {}
    for path in paths:
        stems.setdefault(PurePosixPath(path).with_suffix("").as_posix(), []).append(path)
    images, masks = [], {}
    for stem, same in stems.items():
        pngs = [path for path in same if path.lower().endswith(".png")]
        shown = stems.get(stem.removesuffix(_SUFFIX), []) if stem.endswith(_SUFFIX) else []
        if len(shown) == len(same) == len(pngs) == 1:
            masks[shown[0]] = pngs[0]
        elif len(same) == 2 and len(pngs) == 1:
            image = next(path for path in same if path not in pngs)
            images.append(image)
            masks[image] = pngs[0]
        else:
            images.extend(same)
    return images, masks


def _split_folders(images: Sequence[str], base: str) -> set[str]:
    """Name the folders that are splits: each called like one, with class folders inside.

    A folder called `test` beside class folders is a class of that name: only when all
    folders are splits is the root divided into splits.
    """
    tops: dict[str, bool] = {}
    for path in images:
        folders = PurePosixPath(path).relative_to(base).parts[:-1]
        if folders:
            tops[folders[0]] = tops.get(folders[0], False) or len(folders) > 1
    splits = all(name.lower() in SPLIT_NAMES and nested for name, nested in tops.items())
    return set(tops) if splits else set()
