"""A class of the labels: a stable id, and a name that may change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from vision_ft.errors import DataError


class ClassInfo(BaseModel):
    """One class. Records store `id`; people read `name`.

    Renaming a class changes `name` and appends the old one to `renamed_from`; the id, and
    with it every record and metric of the past, stays.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    id: str = Field(min_length=1)
    """Stable identifier, unique in a bundle."""
    name: str = ""
    """What people read; the id where empty."""
    parent: str | None = None
    """Id of the class above it, if classes form a tree."""
    good: bool = False
    """Whether a part of this class is a good part."""
    background: bool = False
    """Whether an image of this class shows none of the others: no object is ever labelled with it.
    Tasks that say where something is have exactly one such class; it is what they answer where nothing is found."""
    renamed_from: tuple[str, ...] = ()
    """Earlier names, oldest first."""

    @property
    def title(self) -> str:
        """The name to show."""
        return self.name or self.id


def check_classes(classes: Sequence[ClassInfo]) -> None:
    """Raise `DataError` when ids are repeated, a parent is not among them, or two are background."""
    ids = [c.id for c in classes]
    empty = [c.id for c in classes if c.background]
    if len(empty) > 1:
        raise DataError(f"classes {', '.join(empty)}", expected="one background class at most")
    repeated = sorted({i for i in ids if ids.count(i) > 1})
    if repeated:
        raise DataError(f"class ids {', '.join(repeated)}", expected="each id once", remedy="Rename one of them.")
    for c in classes:
        if c.parent is not None and c.parent not in ids:
            raise DataError(f"class {c.id!r}", expected=f"a parent among {', '.join(ids)}", got=repr(c.parent))


def good_mask(classes: Iterable[ClassInfo]) -> list[bool]:
    """Whether each class, in order, is a good one."""
    return [c.good for c in classes]


def object_classes(classes: Iterable[ClassInfo]) -> tuple[ClassInfo, ...]:
    """The classes that objects are labelled with: all but the background, in their order."""
    return tuple(c for c in classes if not c.background)


def background_of(classes: Iterable[ClassInfo]) -> ClassInfo:
    """The background class; raises `DataError` where there is none."""
    for one in classes:
        if one.background:
            return one
    raise DataError("the classes", expected="a background class, for images on which nothing is found")
