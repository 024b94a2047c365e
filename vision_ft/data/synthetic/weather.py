"""Weather and time of day: the light that a road scene is seen in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Weather:
    """Light of a scene; colours are linear RGB.

    `sun` lights what faces it and `sky` everything; `zenith` and `horizon` are the
    sky's colours; things at `visibility` metres are about two thirds haze; `headlights`
    is the strength of the car's own lamps; `wet` the mirror of the road in 0..1;
    `level` the mean that the camera exposes for.
    """

    name: str
    zenith: Colour
    horizon: Colour
    sun: Colour
    sky: Colour
    visibility: float
    headlights: float
    wet: float
    clouds: float
    level: float


WEATHERS: tuple[Weather, ...] = (
    Weather(
        "clear",
        zenith=(0.13, 0.27, 0.62),
        horizon=(0.6, 0.72, 0.85),
        sun=(0.85, 0.8, 0.7),
        sky=(0.28, 0.32, 0.4),
        visibility=2500,
        headlights=0,
        wet=0,
        clouds=0.5,
        level=0.31,
    ),
    Weather(
        "overcast",
        zenith=(0.55, 0.58, 0.62),
        horizon=(0.7, 0.72, 0.74),
        sun=(0.12, 0.12, 0.12),
        sky=(0.55, 0.56, 0.58),
        visibility=1100,
        headlights=0,
        wet=0,
        clouds=0.2,
        level=0.31,
    ),
    Weather(
        "dusk",
        zenith=(0.1, 0.13, 0.28),
        horizon=(0.85, 0.46, 0.24),
        sun=(0.28, 0.16, 0.09),
        sky=(0.17, 0.16, 0.2),
        visibility=1500,
        headlights=0.25,
        wet=0,
        clouds=0.6,
        level=0.21,
    ),
    Weather(
        "rain",
        zenith=(0.3, 0.32, 0.35),
        horizon=(0.42, 0.44, 0.46),
        sun=(0.02, 0.02, 0.02),
        sky=(0.3, 0.31, 0.33),
        visibility=230,
        headlights=0.1,
        wet=0.75,
        clouds=0.25,
        level=0.21,
    ),
    Weather(
        "fog",
        zenith=(0.52, 0.54, 0.56),
        horizon=(0.6, 0.61, 0.62),
        sun=(0.02, 0.02, 0.02),
        sky=(0.45, 0.46, 0.47),
        visibility=60,
        headlights=0.05,
        wet=0.1,
        clouds=0.05,
        level=0.3,
    ),
    Weather(
        "night",
        zenith=(0.002, 0.003, 0.008),
        horizon=(0.012, 0.011, 0.014),
        sun=(0.0, 0.0, 0.0),
        sky=(0.007, 0.007, 0.01),
        visibility=700,
        headlights=1.0,
        wet=0.1,
        clouds=0.1,
        level=0.07,
    ),
)
_SHARES = (0.34, 0.24, 0.14, 0.10, 0.08, 0.10)


def random_weather(rng: np.random.Generator) -> Weather:
    """Draw the weather of one scene."""
    return WEATHERS[rng.choice(len(WEATHERS), p=_SHARES)]
