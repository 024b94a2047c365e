"""What a part is made of, before any light falls on it: the maps of its surface."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vision_ft.data.synthetic.fields import Field, Window

SURFACES: tuple[str, ...] = ("brushed", "cast", "fabric")
DEFECTS: tuple[str, ...] = ("scratch", "dent", "crack", "stain", "missing_part")
CLASSES: tuple[str, ...] = ("good", *DEFECTS)

# A part is drawn larger than its picture, so that every shot's pose stays on it.
CANVAS_MARGIN = 1.34


@dataclass(frozen=True)
class Fitting:
    """A thing that is mounted on the part: a screw, a bolt, a snap."""

    kind: str
    x: float
    y: float
    radius: float


@dataclass
class PartMaps:
    """A part's surface on its canvas; every map is [H, W] or [H, W, 3], float64.

    Lengths are canvas pixels; `unit` pixels are one design unit (a picture's shorter
    side is 256 units). `albedo` is linear reflectance in 0..1, `metal` the share of
    mirror-like reflection in 0..1, `rough` the width of the highlight in 0..1,
    `grain` the direction of brushing in radians and `stretch` how much narrower the
    highlight is along it. `solid` is 1 where the part has a surface (0 in the
    background and in holes); `taken` is 1 where no defect may be centred.
    """

    surface: str
    unit: float
    height: Field
    albedo: Field
    metal: Field
    rough: Field
    grain: Field
    solid: Field
    taken: Field
    stretch: float = 1.0
    fittings: list[Fitting] = field(default_factory=list)

    @classmethod
    def blank(cls, surface: str, size: tuple[int, int]) -> PartMaps:
        """Return flat maps for pictures of `size` (height, width)."""
        shape = (round(size[0] * CANVAS_MARGIN), round(size[1] * CANVAS_MARGIN))
        return cls(
            surface=surface,
            unit=min(size) / 256,
            height=np.zeros(shape),
            albedo=np.full((*shape, 3), 0.5),
            metal=np.zeros(shape),
            rough=np.full(shape, 0.5),
            grain=np.zeros(shape),
            solid=np.ones(shape),
            taken=np.zeros(shape),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """The canvas (height, width) in pixels."""
        return self.height.shape[0], self.height.shape[1]

    @property
    def centre(self) -> tuple[float, float]:
        """The canvas centre (x, y), which a shot's pose turns about."""
        return (self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2

    @property
    def view(self) -> tuple[float, float]:
        """Half the picture's (width, height) in canvas pixels."""
        return self.shape[1] / CANVAS_MARGIN / 2, self.shape[0] / CANVAS_MARGIN / 2

    def paint(self, area: Window, cover: Field, colour: tuple[float, float, float] | Field) -> None:
        """Mix `colour` into the albedo of a window, `cover` in 0..1 being its opacity."""
        old = self.albedo[area]
        self.albedo[area] = old + (np.asarray(colour) - old) * cover[..., None]

    def mix(self, name: str, area: Window, cover: Field, value: float | Field) -> None:
        """Mix `value` into the map `name` of a window, `cover` in 0..1 being its opacity."""
        target: Field = getattr(self, name)
        target[area] += (value - target[area]) * cover
