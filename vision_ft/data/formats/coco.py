"""COCO: images, categories and annotations (boxes, outlines or run lengths) in one JSON file.

Read are `annotations.json`, `_annotations.coco.json` and `instances_*.json`, in the root, in
`annotations/`, or one below each of `train`, `val` and `test`; a split's name in the folder or
the file's name is the split. Crowds are ignored. Of an image, `group` and `part` are read too,
and any further text about it is a slice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.build import SPLIT_NAMES, Row, raise_all
from vision_ft.data.coco_objects import AnnotationError, object_in
from vision_ft.data.found import Found, found, named
from vision_ft.data.index import Index
from vision_ft.data.objects import ObjectLabel
from vision_ft.data.placed import PlaceError, below
from vision_ft.data.probe import Prober
from vision_ft.errors import DataError

PATTERNS = ("annotations.json", "_annotations.coco.json", "instances_*.json")
_KNOWN = frozenset(
    ("id", "file_name", "width", "height", "group", "part", "license", "flickr_url", "coco_url", "date_captured")
)


def matches(root: Path) -> bool:
    """Tell whether `root` holds a COCO file where one is looked for."""
    return bool(files(root))


def files(root: Path) -> list[str]:
    """The COCO files below `root`, relative to it, in the order in which they are read."""
    if not root.is_dir():
        return []
    folders = [one for one in sorted(root.iterdir()) if one.is_dir() and one.name.lower() in SPLIT_NAMES]
    places = (root, root / "annotations", *folders)
    hits = (path for place in places for pattern in PATTERNS for path in sorted(place.glob(pattern)))
    return [path.relative_to(root).as_posix() for path in hits if path.is_file()]


def read(root: Path, *, prober: Prober | None = None) -> Index:
    """Read objects; a class's id is its category's name, and classes are in the categories' order.

    Raises DataError that lists each wrong label: the file, the id of the annotation (or the
    image), and what is wrong.
    """
    prober = prober or Prober()
    return rows(root, prober=prober).index(root, prober=prober)


def rows(root: Path, *, prober: Prober, classes: Sequence[ClassInfo] | None = None) -> Found:
    """Read what `read` makes an index of; with `classes`, an object of any other class is an error."""
    names = files(root)
    if not names:
        raise DataError(f"{root} holds no COCO file", expected=" or ".join(PATTERNS))
    errors: list[str] = []
    taken: dict[str, Row] = {}
    titles: list[str] = []
    known = None if classes is None else {one.id for one in classes if not one.background}
    for name in names:
        with (root / name).open("rb") as file:
            document = parse(file.read(), name)
        reader = _File(root, name, document, errors)
        for row in reader.rows(prober, known):
            if row.path in taken:
                errors.append(f"{name}: image {row.path} is listed in another file already")
            taken[row.path] = row
        titles += reader.titles()
    raise_all(f"Labels below {root}", errors, remedy="Correct these labels.")
    if not taken:
        raise DataError(f"{root} holds no labelled image", got=f"no images in {', '.join(names)}")
    return found(list(taken.values()), named(titles) if classes is None else classes)


def parse(data: bytes, name: str) -> Mapping[str, list[Mapping[str, Any]]]:
    """The lists of a COCO file as `images`, `categories` and `annotations`; raises DataError for what is none."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is no JSON", got=str(error)) from error
    lists = {}
    for key in ("images", "categories", "annotations"):
        one = document.get(key) if isinstance(document, dict) else None
        if not isinstance(one, list) or not all(isinstance(entry, dict) for entry in one):
            raise DataError(f"{name} is no COCO file", expected=f"a list {key!r} of objects")
        lists[key] = one
    return lists


class _File:
    """One COCO file while it is being read; what is wrong is added to `errors`."""

    def __init__(
        self, root: Path, name: str, document: Mapping[str, list[Mapping[str, Any]]], errors: list[str]
    ) -> None:
        self._root, self._name, self._errors = root, name, errors
        self._images, self._annotations = document["images"], document["annotations"]
        self._split = split_of(name)
        self._categories: dict[int | str, str] = {}
        for number, one in enumerate(document["categories"], 1):
            key, title = one.get("id"), one.get("name")
            if not _is_id(key) or not isinstance(title, str) or not title.strip() or not title.isprintable():
                self._wrong(f"category {number} of the list has no id or no name")
            elif self._categories.setdefault(key, title.strip()) != title.strip():
                self._wrong(f"category id {key!r} is given twice")
        used = {key for one in self._annotations if _is_id(key := one.get("category_id"))}
        pairs = [(one.get("supercategory"), one.get("name")) for one in document["categories"]]
        above = {over for over, name in pairs if isinstance(over, str) and over not in (name, "none")}
        # A category that only stands above the others is no class.
        self._titles = [title for key, title in self._categories.items() if key in used or title not in above]

    def titles(self) -> list[str]:
        """Names of the categories that are classes, in order."""
        return self._titles

    def rows(self, prober: Prober, known: set[str] | None) -> list[Row]:
        """One row an image, without targets."""
        paths = self._paths()
        seen = dict(zip(paths, prober.probe(self._root / path for path in paths.values()), strict=True))
        objects: dict[int | str, list[ObjectLabel]] = {key: [] for key in paths}
        listed = {one.get("id") for one in self._images if _is_id(one.get("id"))}
        for number, one in enumerate(self._annotations, 1):
            where = f"annotation {one.get('id', f'number {number}')}"
            image, category = one.get("image_id"), one.get("category_id")
            if not _is_id(image) or image not in listed:
                self._wrong(f"{where}: there is no image of id {image!r}")
            elif not _is_id(category) or category not in self._categories:
                self._wrong(f"{where}: there is no category of id {category!r}")
            elif known is not None and self._categories[category] not in known:
                self._wrong(f"{where}: its class {self._categories[category]!r} is not in the card")
            elif image in seen and not seen[image].error:
                try:
                    label = object_in(one, self._categories[category], seen[image].width, seen[image].height)
                except AnnotationError as error:
                    self._wrong(f"{where}: {error}")
                else:
                    objects[image].append(label)
        by_id = {one["id"]: one for one in self._images if _is_id(one.get("id"))}
        for key, probe in seen.items():
            size = (by_id[key].get("width") or probe.width, by_id[key].get("height") or probe.height)
            if not probe.error and size != (probe.width, probe.height):
                self._wrong(f"image {key} is {size[0]} x {size[1]}, and {paths[key]} {probe.width} x {probe.height}")
        return [self._row(by_id[key], path, objects[key]) for key, path in paths.items()]

    def _row(self, image: Mapping[str, Any], path: str, objects: Sequence[ObjectLabel]) -> Row:
        texts = {key: one for key, one in image.items() if isinstance(one, str) and one and (key + one).isprintable()}
        slices = {key: one for key, one in texts.items() if key not in _KNOWN}
        part, group = texts.get("part"), texts.get("group")
        return Row(path, (), part=part, group=group, split=self._split, slices=slices, objects=tuple(objects))

    def _paths(self) -> dict[int | str, str]:
        """Where the file of each image is, by the image's id."""
        folder = Path(self._name).parent
        split = re.sub(r"^instances_", "", Path(self._name).stem)
        places = [folder, Path(), Path("images"), Path(split), Path("images") / split]
        paths: dict[int | str, str] = {}
        listed: set[str] = set()
        for number, one in enumerate(self._images, 1):
            key, file = one.get("id"), one.get("file_name")
            if not _is_id(key) or not isinstance(file, str) or not file:
                self._wrong(f"image {number} of the list has no id or no file_name")
                continue
            try:
                path = below(self._root, places, file)
            except PlaceError as error:
                self._wrong(f"image {key}: {error}")
                continue
            if key in paths or path in listed:
                self._wrong(f"image {key} ({path}) is listed twice")
                continue
            listed.add(path)
            paths[key] = path
        return paths

    def _wrong(self, what: str) -> None:
        self._errors.append(f"{self._name}: {what}")


def split_of(name: str) -> str | None:
    """The split that the folder or the name of a COCO file speaks of: `annotations/instances_val2017.json`."""
    path = Path(name)
    words = [path.parent.name, *re.split(r"[_.\-]", re.sub(r"\d+$", "", path.stem))]
    return next((SPLIT_NAMES[one.lower()] for one in words if one.lower() in SPLIT_NAMES), None)


def _is_id(value: object) -> TypeGuard[int | str]:
    return isinstance(value, int | str)
