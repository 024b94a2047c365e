"""Road signs: what they look like new, how they age, and how they appear in a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from vision_ft.data.synthetic.fields import Field, Window, fractal, local_grid, noise, sample, smoothstep
from vision_ft.data.synthetic.glyphs import arc, line, polygon_distance, stroke_distance, write

# Linear reflectance.
_RED, _BLUE, _WHITE = (0.50, 0.02, 0.03), (0.01, 0.09, 0.42), (0.78, 0.78, 0.76)
_BLACK, _YELLOW = (0.02, 0.02, 0.02), (0.80, 0.46, 0.02)
_ART = 128


class _Plate:
    """A sign being drawn on the square from -1 to 1: colour [S, S, 3] and opacity [S, S]."""

    def __init__(self) -> None:
        axis = (np.arange(_ART) + 0.5) / _ART * 2 - 1
        self.x, self.y = np.meshgrid(axis, axis)
        self.colour = np.zeros((_ART, _ART, 3))
        self.opacity = np.zeros((_ART, _ART))

    def fill(self, distance: Field, colour: tuple[float, float, float]) -> None:
        """Paint where `distance` is negative, with an edge one art pixel wide."""
        cover = smoothstep(distance, 1.0 / _ART, -1.0 / _ART)
        self.colour += (np.array(colour) - self.colour) * cover[..., None]
        self.opacity = np.maximum(self.opacity, cover)

    def disc(self, radius: float) -> Field:
        return np.hypot(self.x, self.y) - radius

    def strokes(self, strokes: Sequence[Field], width: float) -> Field:
        return stroke_distance(self.x, self.y, strokes) - width / 2

    def polygon(self, corners: Sequence[tuple[float, float]]) -> Field:
        return polygon_distance(self.x, self.y, corners)

    def regular(self, sides: int, radius: float, turn: float) -> Field:
        """A regular polygon whose first corner points `turn` degrees from the right, clockwise."""
        angles = np.radians(turn + np.arange(sides) * 360 / sides)
        return self.polygon([(radius * float(np.cos(a)), radius * float(np.sin(a))) for a in angles])


def _limit(text: str) -> Callable[[_Plate], None]:
    def draw(p: _Plate) -> None:
        p.fill(p.disc(0.97), _WHITE)
        p.fill(p.disc(0.93), _RED)
        p.fill(p.disc(0.70), _WHITE)
        height, spacing, width = (0.84, 0.74, 0.16) if len(text) == 2 else (0.66, 0.62, 0.115)
        p.fill(p.strokes(write(text, height, spacing=spacing), width), _BLACK)

    return draw


def _stop(p: _Plate) -> None:
    p.fill(p.regular(8, 1.0, 22.5), _WHITE)
    p.fill(p.regular(8, 0.93, 22.5), _RED)
    p.fill(p.strokes(write("STOP", 0.56, spacing=0.76), 0.10), _WHITE)


def _yield(p: _Plate) -> None:
    p.fill(p.polygon([(-0.98, -0.82), (0.98, -0.82), (0, 0.90)]), _RED)
    p.fill(p.polygon([(-0.58, -0.59), (0.58, -0.59), (0, 0.44)]), _WHITE)


def _no_entry(p: _Plate) -> None:
    p.fill(p.disc(0.97), _WHITE)
    p.fill(p.disc(0.93), _RED)
    p.fill(p.polygon([(-0.66, -0.17), (0.66, -0.17), (0.66, 0.17), (-0.66, 0.17)]), _WHITE)


def _priority(p: _Plate) -> None:
    p.fill(p.regular(4, 0.99, 0), _WHITE)
    p.fill(p.regular(4, 0.68, 0), _YELLOW)


def _arrow(turn: float) -> Callable[[_Plate], None]:
    """White arrow on blue; `turn` in degrees clockwise from straight up."""

    def draw(p: _Plate) -> None:
        p.fill(p.disc(0.97), _WHITE)
        p.fill(p.disc(0.92), _BLUE)
        a = np.radians(turn)
        across, up = p.x * np.cos(a) + p.y * np.sin(a), p.x * np.sin(a) - p.y * np.cos(a)
        shaft = np.maximum(np.abs(across) - 0.12, np.abs(up + 0.12) - 0.48)
        head = np.maximum(np.abs(across) * 0.78 + (up - 0.64) * 0.62, 0.14 - up)
        p.fill(np.minimum(shaft, head), _WHITE)

    return draw


def _warning(draw: Callable[[_Plate], None]) -> Callable[[_Plate], None]:
    def whole(p: _Plate) -> None:
        p.fill(p.polygon([(0, -0.90), (0.98, 0.82), (-0.98, 0.82)]), _RED)
        p.fill(p.polygon([(0, -0.50), (0.66, 0.63), (-0.66, 0.63)]), _WHITE)
        draw(p)

    return whole


def _exclamation(p: _Plate) -> None:
    p.fill(p.strokes([line((0, -0.18), (0, 0.22))], 0.17), _BLACK)
    p.fill(np.hypot(p.x, p.y - 0.46) - 0.10, _BLACK)


def _curve(side: int) -> Callable[[_Plate], None]:
    def draw(p: _Plate) -> None:
        path = [line((-0.14 * side, 0.52), (-0.14 * side, 0.28)), arc(0.16 * side, 0.28, 0.30 * -side, 0.30, 0, -80)]
        p.fill(p.strokes(path, 0.15), _BLACK)
        tip = [(0.34 * side, -0.02), (0.08 * side, -0.22), (0.08 * side, 0.18)]
        p.fill(p.polygon(tip if side < 0 else [tip[0], tip[2], tip[1]]), _BLACK)

    return draw


def _square(p: _Plate) -> None:
    p.fill(np.maximum(np.abs(p.x), np.abs(p.y)) - 0.95, _WHITE)
    p.fill(np.maximum(np.abs(p.x), np.abs(p.y)) - 0.89, _BLUE)


def _parking(p: _Plate) -> None:
    _square(p)
    p.fill(p.strokes(write("P", 1.3, at=(0.03, 0.0)), 0.24), _WHITE)


def _crossing(p: _Plate) -> None:
    _square(p)
    p.fill(p.polygon([(0, -0.74), (0.76, 0.66), (-0.76, 0.66)]), _WHITE)
    p.fill(np.hypot(p.x + 0.03, p.y + 0.26) - 0.09, _BLACK)
    body = [line((-0.02, -0.10), (-0.06, 0.16)), line((-0.06, 0.16), (0.10, 0.44)), line((-0.06, 0.16), (-0.20, 0.44)),
            line((-0.02, -0.06), (0.14, 0.08)), line((-0.02, -0.06), (-0.18, 0.08))]  # fmt: skip
    p.fill(p.strokes(body, 0.10), _BLACK)
    for k in range(4):
        p.fill(p.strokes([line((-0.42 + 0.24 * k, 0.56), (-0.34 + 0.24 * k, 0.56))], 0.08), _BLACK)


_DRAW: dict[str, Callable[[_Plate], None]] = {
    "speed_30": _limit("30"),
    "speed_50": _limit("50"),
    "speed_80": _limit("80"),
    "speed_100": _limit("100"),
    "stop": _stop,
    "yield": _yield,
    "no_entry": _no_entry,
    "priority_road": _priority,
    "ahead_only": _arrow(0),
    "keep_right": _arrow(135),
    "keep_left": _arrow(-135),
    "warning": _warning(_exclamation),
    "curve_left": _warning(_curve(-1)),
    "curve_right": _warning(_curve(1)),
    "crossing": _crossing,
    "parking": _parking,
}
SIGNS: tuple[str, ...] = tuple(_DRAW)


@lru_cache(maxsize=len(_DRAW))
def artwork(name: str) -> Field:
    """Return a new sign, [S, S, 4]: linear colour and opacity."""
    plate = _Plate()
    _DRAW[name](plate)
    art = np.concatenate([plate.colour, plate.opacity[..., None]], axis=2)
    art.setflags(write=False)
    return art


def aged(rng: np.random.Generator, name: str) -> Field:
    """Return a sign as one finds it: faded, dirty, scratched or with a sticker on it; [S, S, 4]."""
    art = artwork(name).copy()
    shape = art.shape[:2]
    fade = rng.beta(1.4, 4.0)
    grey = art[..., :3].mean(axis=2, keepdims=True)
    art[..., :3] += (0.35 + 0.4 * grey - art[..., :3]) * (0.55 * fade)
    grime = smoothstep(fractal(rng, shape, (60.0, 22.0, 8.0)), 0.3, 2.2) * rng.beta(1.5, 3.0)
    streaks = np.clip(noise(rng, shape, (90.0, 7.0)), 0, 1) * rng.beta(1.2, 5.0)
    art[..., :3] *= (1 - 0.75 * np.clip(grime + streaks, 0, 1))[..., None]
    if rng.random() < 0.15:
        x, y = rng.uniform(30, 98, 2)
        rows, columns = np.mgrid[0:_ART, 0:_ART]
        half = rng.uniform(7, 14, 2)
        sticker = (np.abs(columns - x) < half[0]) & (np.abs(rows - y) < half[1])
        art[sticker, :3] = rng.uniform(0.03, 0.6) * (1 + 0.3 * rng.uniform(-1, 1, 3))
    return art


def _halved(art: Field) -> Field:
    """Mean of each 2 x 2 pixels, colours weighted by opacity."""
    weighted = np.concatenate([art[..., :3] * art[..., 3:], art[..., 3:]], axis=2)
    size = art.shape[0] // 2
    small = weighted.reshape(size, 2, size, 2, 4).mean(axis=(1, 3))
    small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
    return np.asarray(small)


def project(
    art: Field, area: Window, centre: tuple[float, float], side: float, *, roll: float = 0.0, yaw: float = 0.0
) -> tuple[Field, Field]:
    """Show a sign in a window of a picture: colour [h, w, 3] and opacity [h, w].

    `centre` (x, y) and `side` are in pixels, `roll` and `yaw` in radians.
    """
    # Two art pixels at most to a sub-pixel, and four sub-pixels to a pixel: no aliasing.
    while art.shape[0] > max(8, 4 * side):
        art = _halved(art)
    size = art.shape[0]
    x, y = local_grid(area)
    cos, sin, squeeze, tilt = np.cos(roll), np.sin(roll), np.cos(yaw), 0.12 * np.sin(yaw)
    total = np.zeros((*x.shape, 4))
    for oy in (-0.25, 0.25):
        for ox in (-0.25, 0.25):
            px, py = (x + ox - centre[0]) * 2 / side, (y + oy - centre[1]) * 2 / side
            u, v = px * cos + py * sin, -px * sin + py * cos
            depth = 1 + tilt * u / squeeze
            u, v = u / squeeze / depth, v / depth
            seen = sample(art, (u + 1) * size / 2 - 0.5, (v + 1) * size / 2 - 0.5)
            alpha = seen[..., 3] * ((np.abs(u) <= 1) & (np.abs(v) <= 1))
            total[..., :3] += seen[..., :3] * alpha[..., None]
            total[..., 3] += alpha
    colour = total[..., :3] / np.maximum(total[..., 3:], 1e-6)
    return colour, total[..., 3] / 4
