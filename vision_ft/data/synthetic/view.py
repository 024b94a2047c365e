"""The picture of a road scene while it is painted, far things first."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vision_ft.data.synthetic.fields import Field, Window, window
from vision_ft.data.synthetic.weather import Weather


@dataclass
class View:
    """Linear radiance [H, W, 3] under a pinhole camera.

    Metres: x to the right of the camera, y up from the road, z ahead. `focal` and
    `horizon` (row) and `centre` (column) are pixels, `eye` is the camera's height.
    `owner` [H, W] holds the number of the sign that a pixel shows, or -1.
    """

    weather: Weather
    size: tuple[int, int]
    focal: float
    horizon: float
    eye: float = 1.4
    sun_side: float = 1.0
    radiance: Field = field(init=False)
    owner: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.radiance = np.zeros((*self.size, 3))
        self.owner = np.full(self.size, -1, dtype=np.int64)

    @property
    def centre(self) -> float:
        """The column of the vanishing point."""
        return self.size[1] / 2

    def column(self, x: float, z: float) -> float:
        """Column of the point x metres to the right and z ahead."""
        return self.centre + self.focal * x / z

    def row(self, y: float, z: float) -> float:
        """Row of the point y metres above the road and z ahead."""
        return self.horizon + self.focal * (self.eye - y) / z

    def around(self, x: float, y: float, z: float, half_width: float, half_height: float) -> Window | None:
        """The window of a box that faces the camera (metres), or None where it is out of the picture."""
        cx, cy, scale = self.column(x, z), self.row(y, z), self.focal / z
        x0, x1 = cx - half_width * scale - 2, cx + half_width * scale + 2
        y0, y1 = cy - half_height * scale - 2, cy + half_height * scale + 2
        if x1 < 0 or y1 < 0 or x0 > self.size[1] or y0 > self.size[0]:
            return None
        return window(self.size, x0, y0, x1, y1)

    def light(self, z: float | Field, facing: float | Field = 0.6, retro: float = 1.0) -> Field:
        """Linear RGB light on things at z metres; `facing` is how far they look to the sun (0..1)."""
        w = self.weather
        beam = w.headlights * 0.9 / (1 + (np.asarray(z) / 16.0) ** 2) * retro
        day = np.array(w.sky) + np.array(w.sun) * np.asarray(facing)[..., None]
        return np.asarray(day + beam[..., None] * np.array([1.0, 0.95, 0.85]))

    def hazed(self, colour: Field, z: float | Field) -> Field:
        """Mix the air between into `colour` [..., 3] at z metres."""
        share = (1 - np.exp(-np.asarray(z) / self.weather.visibility))[..., None]
        return np.asarray(colour * (1 - share) + np.array(self.weather.horizon) * 0.9 * share)

    def put(
        self, area: Window, cover: Field, albedo: Field | tuple[float, float, float], z: float | Field, *,
        facing: float | Field = 0.6, retro: float = 1.0, glow: Field | None = None, sign: int = -1,
    ) -> None:  # fmt: skip
        """Paint a thing at z metres over a window, `cover` [h, w] being its opacity.

        `glow` [h, w, 3] is light of its own (windows, lamps); `sign` the number of the sign it is.
        """
        colour = np.asarray(albedo) * self.light(z, facing, retro)
        if glow is not None:
            colour = colour + glow
        old = self.radiance[area]
        self.radiance[area] = old + (self.hazed(colour, z) - old) * cover[..., None]
        self.owner[area][cover > 0.5] = sign
