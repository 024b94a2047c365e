"""Masks beside images, without class folders: the values of a mask say what is where.

`masks/**/<name>.png` goes with `images/**/<name>.jpg` (or `SegmentationClass` with
`JPEGImages`), or a PNG lies beside each image in the root, as <name>.png or <name>_mask.png.
A mask is black and white, or each value (or colour) is a class, named in `mask_classes.yaml`,
`labelmap.txt` or `classes.txt`. Folders below `images` that are called like splits are splits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vision_ft.bundle.classes import ClassInfo, background_of
from vision_ft.data.background import complete_classes
from vision_ft.data.build import SPLIT_NAMES, Row, is_image, named_in_utf8, raise_all
from vision_ft.data.found import Found, named
from vision_ft.data.index import Index, MaskCode, Rejected
from vision_ft.data.mask_files import read_mask
from vision_ft.data.mask_names import read_names
from vision_ft.data.mask_values import meaning_of, one_palette, shown, unknown_in, values_in
from vision_ft.data.probe import Prober
from vision_ft.errors import DataError

IMAGES = ("images", "JPEGImages")
MASKS = ("masks", "SegmentationClass")
_LISTED = 5


def matches(root: Path) -> bool:
    """Tell whether `root` holds folders of images and of masks without class folders, or PNG masks beside images."""
    folders = _folders(root)
    if folders is None:
        # Where images lie in folders these are classes, and each class keeps its masks.
        deep = any(is_image(one) for one in root.glob("[!.]*/**/*"))
        return not deep and bool(_beside(_walk(root, "."))[0])
    paths = _walk(root, folders[0])
    below = [PurePosixPath(one).relative_to(folders[0]).parts[:-1] for one in paths]
    return bool(below) and all(not one or (len(one) == 1 and one[0].lower() in SPLIT_NAMES) for one in below)


def read(root: Path, *, prober: Prober | None = None) -> Index:
    """Read masks; without names a class's id is its number (or colour), and `object` in black and white.

    Images without a mask are listed in the index's `rejected`. Raises DataError that lists
    each wrong mask: the file and what is wrong.
    """
    prober = prober or Prober()
    return rows(root, prober=prober).index(root, prober=prober)


def rows(root: Path, *, prober: Prober, classes: Sequence[ClassInfo] | None = None) -> Found:
    """Read what `read` makes an index of; with `classes`, a mask that shows any other class is an error."""
    pairs, rejected, errors = _pairs(root)
    names = read_names(root)
    seen = _values(root, pairs, prober, errors)
    raise_all(f"Masks below {root}", errors, remedy="Correct these masks.")
    if not seen:
        raise DataError(f"{root} holds no image with a mask", expected=f"PNG masks in {MASKS[0]}, or beside the images")
    meaning = meaning_of(sum(seen.values(), Counter[str]()), names, one_palette(root / pairs[image] for image in seen))
    for image, found in seen.items():
        if wrong := unknown_in(found, meaning):
            more = f" and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
            source = names.file if names else "the other masks"
            errors.append(f"{pairs[image]}: the value {', '.join(wrong[:_LISTED])}{more} is not in {source}")
    if classes is not None:
        # With the only good class as the background, what is white is of the one that is left.
        objects = [one.id for one in complete_classes(classes, meaning.classes) if not one.background]
        if meaning.code is None and names is None and len(objects) == 1:
            meaning = replace(meaning, classes=(objects[0],))
        errors += [f"class {one!r} of the masks is not in the card" for one in meaning.classes if one not in objects]
    raise_all(f"Masks below {root}", errors, remedy="Correct these masks, or name their values.")
    complete = complete_classes(named(meaning.classes) if classes is None else classes, meaning.classes)
    nothing = background_of(complete).id
    taken = []
    for image, found in seen.items():
        targets = set(shown(found, meaning))
        ordered = tuple(one.id for one in complete if one.id in targets) or (nothing,)
        taken.append(Row(image, ordered, split=_split(image), mask=pairs[image]))
    code = None if meaning.code is None else MaskCode({key: one for key, one in meaning.code.items() if one})
    return Found(tuple(taken), complete, tuple(rejected), meaning.notes, code)


def _values(root: Path, pairs: Mapping[str, str], prober: Prober, errors: list[str]) -> dict[str, Counter[str]]:
    """Which values the mask of each image has; what cannot be read or does not fit is added to `errors`."""
    seen: dict[str, Counter[str]] = {}
    for (image, mask), probe in zip(pairs.items(), prober.probe(root / one for one in pairs), strict=True):
        try:
            values = read_mask(root / mask)
        except DataError as error:
            errors.append(f"{mask}: {error.got or error.subject}")
            continue
        if not probe.error and values.shape[:2] != (probe.height, probe.width):
            size = f"{values.shape[1]} x {values.shape[0]}"
            errors.append(f"{mask}: is {size}, and its image {probe.width} x {probe.height}")
        seen[image] = values_in(values)
    return seen


def _pairs(root: Path) -> tuple[dict[str, str], list[Rejected], list[str]]:
    """Each image's mask, the images without one, and a complaint for each mask without an image."""
    folders = _folders(root)
    if folders is None:
        masks, images = _beside(_walk(root, "."))
        lone = []
    else:
        images = _walk(root, folders[0])
        below = {_key(one, folders[1]): one for one in _walk(root, folders[1])}
        keys = {one: _key(one, folders[0]) for one in images}
        masks = {one: below[key] for one, key in keys.items() if key in below}
        masks |= {one: below[f"{key}_mask"] for one, key in keys.items() if one not in masks and f"{key}_mask" in below}
        lone = sorted(set(below.values()) - set(masks.values()))
    fine, rejected = named_in_utf8(images)
    rejected += [Rejected(one, "has no mask") for one in fine if one not in masks]
    return (
        {one: masks[one] for one in fine if one in masks},
        rejected,
        [f"{one}: there is no image to it" for one in lone],
    )


def _folders(root: Path) -> tuple[str, str] | None:
    for images, masks in zip(IMAGES, MASKS, strict=True):
        if (root / images).is_dir() and (root / masks).is_dir():
            return images, masks
    return None


def _walk(root: Path, folder: str) -> list[str]:
    """The images in `folder` of the root and below it; only those in the root itself where it is the folder."""
    paths = (root / folder).glob("*") if folder == "." else (root / folder).rglob("*")
    return sorted(one.relative_to(root).as_posix() for one in paths if is_image(one) and one.is_file())


def _beside(paths: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Masks that lie beside their images, and all that is no mask."""
    pngs = {_key(one, "."): one for one in paths if one.lower().endswith(".png")}
    masks = {}
    for path in paths:
        key = _key(path, ".")
        mask = pngs.get(f"{key}_mask") or (pngs.get(key) if pngs.get(key) != path else None)
        if mask:
            masks[path] = mask
    return masks, [one for one in paths if one not in set(masks.values())]


def _key(path: str, folder: str) -> str:
    return PurePosixPath(path).relative_to(folder).with_suffix("").as_posix()


def _split(image: str) -> str | None:
    folders = PurePosixPath(image).parts[1:-1]
    return SPLIT_NAMES.get(folders[0].lower()) if folders else None
