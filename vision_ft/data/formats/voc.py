"""Pascal VOC: an XML file an image, with a box about each object.

`Annotations/<name>.xml` goes with `JPEGImages/<name>.jpg` (or the folders `ANNOTATIONS`,
`IMAGES`...). VOC counts pixels from 1 and a box holds its last ones: xmin to xmax becomes
xmin - 1 to xmax. Objects that are `difficult` are ignored. Lists in `ImageSets/Main` are splits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.boxes import box_inside
from vision_ft.data.build import Row, is_image, named_in_utf8, raise_all
from vision_ft.data.found import Found, found, named
from vision_ft.data.index import Index, Rejected
from vision_ft.data.objects import ObjectLabel
from vision_ft.data.probe import Probe, Prober
from vision_ft.errors import DataError

ANNOTATIONS = ("ANNOTATIONS", "Annotations", "annotations")
IMAGES = ("IMAGES", "JPEGImages", "Images", "images")
SETS = "ImageSets/Main"
LARGEST = 4_000_000
"""Bytes of an XML file that are read at most; one of a thousand objects has a tenth of it."""

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_DIFFICULT = {"": False, "0": False, "false": False, "no": False, "unspecified": False,
              "1": True, "true": True, "yes": True}  # fmt: skip


def matches(root: Path) -> bool:
    """Tell whether `root` holds a folder of annotations in XML."""
    return any(next((root / one).rglob("*.xml"), None) is not None for one in ANNOTATIONS if (root / one).is_dir())


def read(root: Path, *, prober: Prober | None = None) -> Index:
    """Read boxes; a class's id is the name that its objects carry.

    Images without an XML file are listed in the index's `rejected`. Raises DataError that
    lists each wrong label: the file, the number and name of the object, and what is wrong.
    """
    prober = prober or Prober()
    return rows(root, prober=prober).index(root, prober=prober)


def rows(root: Path, *, prober: Prober, classes: Sequence[ClassInfo] | None = None) -> Found:
    """Read what `read` makes an index of; with `classes`, an object of any other class is an error."""
    labels, pictures = _folder(root, ANNOTATIONS), _folder(root, IMAGES)
    paths, rejected = named_in_utf8(
        path.relative_to(root).as_posix() for path in sorted((root / pictures).rglob("*")) if is_image(path)
    )
    images = {_stem(path, pictures): path for path in paths}
    files, unnamed = named_in_utf8(path.relative_to(root).as_posix() for path in sorted((root / labels).rglob("*.xml")))
    errors = [f"{one.path}: {one.reason}" for one in unnamed]
    splits = _splits(root, images, errors)
    known = None if classes is None else {one.id for one in classes if not one.background}
    pairs: dict[str, tuple[str, ElementTree.Element]] = {}
    for file in files:
        try:
            with (root / file).open("rb") as opened:
                annotation = parse(opened.read(LARGEST + 1))
            image = images.get(_stem(file, labels)) or images[_named(annotation)]
        except (OSError, ValueError) as error:
            errors.append(f"{file}: {error}")
        except KeyError:
            errors.append(f"{file}: there is no image {_stem(file, labels)} in {pictures}")
        else:
            if image in pairs:
                errors.append(f"{file}: {image} has its labels in {pairs[image][0]} already")
            pairs[image] = (file, annotation)
    probes = dict(zip(pairs, prober.probe(root / image for image in pairs), strict=True))
    taken = []
    for image, (file, annotation) in pairs.items():
        objects = _objects(annotation, probes[image], file, known, errors)
        taken.append(Row(image, (), split=splits.get(image), objects=tuple(objects)))
    raise_all(f"Labels below {root}", errors, remedy="Correct these labels.")
    rejected += [Rejected(one, f"has no XML file in {labels}") for one in paths if one not in pairs]
    if not taken:
        raise DataError(f"{root} holds no labelled image", expected=f"XML files in {labels}, images in {pictures}")
    if classes is None:
        classes = named(sorted({one.target for row in taken for one in row.objects or ()}))
    return found(taken, classes, rejected=rejected)


def parse(data: bytes) -> ElementTree.Element:
    """The root element of an XML file; raises ValueError for what is no plain XML."""
    if len(data) > LARGEST:
        raise ValueError(f"is larger than {LARGEST} bytes")
    parser = ElementTree.XMLParser(target=_Plain())
    try:
        parser.feed(data)
        root: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, LookupError) as error:
        raise ValueError(f"is no XML ({error})") from error
    return root


class _Plain(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        # Entities are declared here, and a few lines of them can fill any memory.
        raise ValueError("has a DOCTYPE, which is not read")


def _objects(
    annotation: ElementTree.Element, seen: Probe, file: str, known: set[str] | None, errors: list[str]
) -> list[ObjectLabel]:
    if seen.error:
        return []  # the image is left out, whatever its labels say
    size = [(annotation.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    # Some tools write 0 x 0 for a size that they do not know.
    if any(one not in ("", "0") for one in size) and size != [str(seen.width), str(seen.height)]:
        errors.append(f"{file}: size is {' x '.join(size)}, the image {seen.width} x {seen.height}")
        return []
    objects = []
    for number, element in enumerate(annotation.findall("object"), 1):
        name = (element.findtext("name") or "").strip()
        where = f"{file}: object {number} ({name or 'no name'})"
        if not name or (known is not None and name not in known):
            errors.append(f"{where}: its class is {'not in the card' if name else 'missing'}")
            continue
        try:
            box = box_inside(_corners(element), seen.width, seen.height)
        except ValueError as error:
            errors.append(f"{where}: bndbox {error}")
            continue
        word = (element.findtext("difficult") or "").strip()
        if word.lower() not in _DIFFICULT:
            errors.append(f"{where}: difficult is {word!r}, expected 0 or 1")
            continue
        objects.append(ObjectLabel(name, box, ignore=_DIFFICULT[word.lower()]))
    return objects


def _corners(element: ElementTree.Element) -> tuple[float, float, float, float]:
    corners = []
    for tag in _CORNERS:
        text = element.findtext(f"bndbox/{tag}")
        try:
            corners.append(float(text or ""))
        except ValueError:
            raise ValueError(f"has no number {tag}" + (f" (it is {text.strip()!r})" if text else "")) from None
    left, top, right, bottom = corners
    return (left - 1, top - 1, right, bottom)


def _folder(root: Path, names: Sequence[str]) -> str:
    for one in names:
        if (root / one).is_dir():
            return one
    raise DataError(f"{root} lacks a folder of Pascal VOC", expected=f"one of {', '.join(names)}")


def _stem(path: str, folder: str) -> str:
    return PurePosixPath(path).relative_to(folder).with_suffix("").as_posix()


def _named(annotation: ElementTree.Element) -> str:
    """The image that an XML file names itself, where none is called like the file; raises KeyError for none."""
    name = (annotation.findtext("filename") or "").strip()
    if not name:
        raise KeyError(name)
    path = PurePosixPath(name.replace("\\", "/").rsplit("/", 1)[-1])
    return path.with_suffix("").as_posix() if is_image(Path(path)) else path.as_posix()


def _splits(root: Path, images: Mapping[str, str], errors: list[str]) -> dict[str, str]:
    """The split of each image that the lists in `ImageSets/Main` name."""
    splits: dict[str, str] = {}
    for split in ("train", "val", "test"):
        file = f"{SETS}/{split}.txt"
        if not (root / file).is_file():
            continue
        try:
            lines = (root / file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            errors.append(f"{file}: cannot be read ({error})")
            continue
        for number, line in enumerate(lines, 1):
            if not (words := line.split()):
                continue
            image = images.get(words[0])
            if image is None:
                errors.append(f"{file} line {number}: there is no image {words[0]}")
            elif splits.setdefault(image, split) != split:
                errors.append(f"{file} line {number}: {words[0]} is in {splits[image]}.txt already")
    return splits
