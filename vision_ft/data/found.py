"""What a reader of object labels found, before files are looked at for the index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.background import complete_classes, with_targets
from vision_ft.data.build import Row, build
from vision_ft.data.index import Index, MaskCode, Rejected
from vision_ft.data.probe import Prober


@dataclass(frozen=True)
class Found:
    """Rows with their targets, classes with exactly one background, and what was left out."""

    rows: tuple[Row, ...]
    classes: tuple[ClassInfo, ...]
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()
    mask_code: MaskCode | None = None

    def index(self, root: Path, *, prober: Prober | None = None) -> Index:
        """Make the index of images below `root`."""
        return build(
            root,
            self.rows,
            self.classes,
            prober=prober,
            rejected=self.rejected,
            notes=self.notes,
            mask_code=self.mask_code,
        )


def found(
    rows: Sequence[Row],
    classes: Sequence[ClassInfo],
    *,
    rejected: Sequence[Rejected] = (),
    notes: Sequence[str] = (),
) -> Found:
    """Complete what was read: a background among the classes, and each row's targets by its objects."""
    labelled = {one.target for row in rows for one in row.objects or ()}
    complete = complete_classes(classes, labelled)
    return Found(tuple(with_targets(rows, complete)), complete, tuple(rejected), tuple(notes))


def named(names: Sequence[str]) -> tuple[ClassInfo, ...]:
    """Classes whose ids are their names, in this order, each once."""
    return tuple(ClassInfo(id=one, name=one) for one in dict.fromkeys(names))
