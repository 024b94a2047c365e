"""Cameras: pose, lens, exposure, sensor noise and tone, from radiance to eight bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.data.synthetic.fields import Field, blur, grid


@dataclass(frozen=True)
class Camera:
    """One camera of a station.

    `white` is its white balance in linear RGB, `vignette` the light lost in the
    corners (share), `optics` its blur in pixels at 256 px, `read` and `shot` its noise (share of full
    scale), `gamma` and `contrast` its tone curve, `barrel` its lens distortion.
    """

    name: str
    white: tuple[float, float, float]
    vignette: float
    optics: float
    read: float
    shot: float
    gamma: float
    contrast: float
    barrel: float
    monochrome: bool = False


CAMERAS: tuple[Camera, ...] = (
    Camera("cam_a", (1.0, 1.0, 1.0), 0.12, 0.45, 0.004, 0.012, 2.2, 0.12, 0.01),
    Camera("cam_b", (1.10, 0.99, 0.86), 0.30, 0.75, 0.009, 0.022, 2.0, 0.30, 0.035),
    Camera("cam_c", (1.0, 1.0, 1.0), 0.20, 0.55, 0.006, 0.016, 1.8, 0.0, -0.015, monochrome=True),
)


@dataclass(frozen=True)
class Pose:
    """How a part lies in the picture: turn in radians, shift in pixels (x, y), zoom."""

    turn: float
    shift: tuple[float, float]
    zoom: float


def random_pose(rng: np.random.Generator, size: tuple[int, int]) -> Pose:
    """Draw a placement: a few degrees and per cent off, and half of the time upside down."""
    turn = np.radians(np.clip(rng.normal(0, 2.6), -6, 6)) + (np.pi if rng.random() < 0.2 else 0.0)
    shift = np.clip(rng.normal(0, 0.022, 2), -0.05, 0.05) * np.array([size[1], size[0]])
    return Pose(float(turn), (float(shift[0]), float(shift[1])), float(rng.uniform(0.95, 1.08)))


def source_points(
    pose: Pose, camera: Camera, size: tuple[int, int], canvas: tuple[int, int]
) -> tuple[Field, Field]:  # fmt: skip
    """Return the canvas coordinates (x, y) that each pixel of a picture of `size` shows."""
    x, y = grid(size)
    x, y = x - (size[1] - 1) / 2, y - (size[0] - 1) / 2
    radius = (x**2 + y**2) / (size[0] ** 2 + size[1] ** 2) * 4
    swell = 1 + camera.barrel * (radius - 0.5)
    x, y = x * swell - pose.shift[0], y * swell - pose.shift[1]
    cos, sin = np.cos(pose.turn) / pose.zoom, np.sin(pose.turn) / pose.zoom
    return x * cos + y * sin + (canvas[1] - 1) / 2, -x * sin + y * cos + (canvas[0] - 1) / 2


def expose(rng: np.random.Generator, radiance: Field, camera: Camera, target: float) -> NDArray[np.uint8]:
    """Take a picture: [H, W, 3] linear radiance to [H, W, 3] uint8 RGB.

    `target` is the level (0..1, linear) that the automatic exposure gives to the mean.
    """
    height, width = radiance.shape[:2]
    x, y = grid((height, width))
    radius = (((x - width / 2) / width) ** 2 + ((y - height / 2) / height) ** 2) * 2
    falloff = 1 - camera.vignette * radius
    # Dark goods stay darker than bright ones: the exposure makes up for half of the difference (in stops).
    mean = max(float(radiance.mean()), 1e-4)
    gain = (0.35 / mean) ** 0.5 / 0.35
    exposed = radiance * (target * gain) * falloff[..., None]
    exposed = blur(exposed, camera.optics * min(height, width) / 256)
    exposed = exposed * np.array(camera.white)
    if camera.monochrome:
        exposed = np.repeat(exposed @ np.array([[0.30], [0.55], [0.15]]), 3, axis=2)
    grain = rng.standard_normal((height, width, 1 if camera.monochrome else 3))
    exposed = exposed + grain * np.sqrt(camera.read**2 + camera.shot**2 * np.clip(exposed, 0, 1))
    # A soft shoulder keeps highlights from clipping at once.
    np.clip(exposed, 0, None, out=exposed)
    bright = exposed > 0.8
    exposed[bright] = 0.8 + 0.2 * np.tanh((exposed[bright] - 0.8) / 0.2)
    tone = exposed ** (1 / camera.gamma)
    tone += camera.contrast * tone * (1 - tone) * (2 * tone - 1)
    return np.asarray(np.clip(np.rint(tone * 255), 0, 255).astype(np.uint8))
