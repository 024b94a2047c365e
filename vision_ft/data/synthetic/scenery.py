"""What stands around a road: sky, hills, the ground, trees, houses, poles and cars."""

from __future__ import annotations

import numpy as np

from vision_ft.data.synthetic.fields import Field, Window, fractal, local_grid, noise, rounded_box, sample, smoothstep
from vision_ft.data.synthetic.view import View


def paint_sky(rng: np.random.Generator, view: View) -> None:
    """Sky from zenith to horizon, clouds flattened towards the horizon."""
    height, width = view.size
    rows = np.arange(height)[:, None, None]
    up = np.clip((view.horizon - rows) / (0.75 * view.focal), 0, 1) ** 0.7
    sky = np.array(view.weather.horizon) * (1 - up) + np.array(view.weather.zenith) * up
    cells = tuple((c * 0.35 * width / 640, c * width / 640) for c in (190.0, 90.0, 42.0, 20.0))
    clouds = sum(0.6**k * noise(rng, view.size, cell) for k, cell in enumerate(cells))
    cover = smoothstep(np.asarray(clouds), rng.uniform(-0.3, 0.9), 2.2)[..., None] * view.weather.clouds
    bright = np.array(view.weather.sun) * 0.55 + np.array(view.weather.sky) * 0.9 + 0.4 * np.array(view.weather.horizon)
    view.radiance[:] = sky * (1 - cover) + bright * cover


def paint_hills(rng: np.random.Generator, view: View) -> None:
    """One to three ridges of wooded or bare hills, the farther the paler."""
    width = view.size[1]
    for z in (1600.0, 800.0, 350.0)[3 - int(rng.integers(1, 4)) :]:
        ridge = fractal(rng, (4, width), (1e9, 1.0), 0.0)[0] * 0.02
        for k, cell in enumerate((220, 90, 36, 12, 4)):
            ridge = ridge + 0.55**k * noise(rng, (4, width), (1e9, max(cell * width / 640, 1.0)))[0]
        top = view.horizon - np.clip((8 + 9 * ridge) * 0.6 + rng.uniform(0, 10), 1, None) * view.focal / 768
        low = max(int(top.min()) - 1, 0)
        if low >= view.size[0]:
            continue  # the ridge lies below the picture
        area = Window(slice(low, view.size[0]), slice(0, width))
        _, y = local_grid(area)
        cover = smoothstep(y - top[None, :], -0.7, 0.7)
        tones = np.array([(0.05, 0.085, 0.035), (0.10, 0.11, 0.06), (0.13, 0.12, 0.085)])
        texture = 1 + 0.2 * noise(rng, cover.shape, (3.0, 5.0))
        view.put(area, cover, tones[rng.integers(3)] * texture[..., None], z)


def paint_ground(
    rng: np.random.Generator, view: View, *, half_road: float, lane: float, curve: float, phase: float, town: bool
) -> None:  # fmt: skip
    """Road with its markings, kerb or gravel, and grass or pavement beside it.

    `half_road` is half the road's width, `lane` the camera's place right of the road's
    middle and `phase` how far the broken line is shifted, in metres; `curve` is 1/(2 radius).
    """
    first = max(int(np.ceil(view.horizon + 0.8)), 0)
    area = Window(slice(first, view.size[0]), slice(0, view.size[1]))
    x, y = local_grid(area)
    z = view.focal * view.eye / (y - view.horizon + 0.2)
    side = (x - view.centre) * z / view.focal - curve * z**2 + lane
    foot = z / view.focal
    texture = _ground_texture(rng)

    def grit(scale: float) -> Field:
        size = texture.shape[0] - 2
        fade = np.clip(1.2 - 2.5 * foot * scale, 0, 1)
        return sample(texture, (side * scale) % size, ((z + phase) * scale) % size) * fade

    fine, broad = grit(40.0), grit(3.0)
    tar = rng.uniform(0.055, 0.13)
    asphalt = tar * (1 + 0.22 * fine + 0.12 * broad)
    asphalt *= 1 + 0.10 * np.exp(-(((np.abs(side - half_road / 2) - 0.75) / 0.3) ** 2))
    patched = smoothstep(grit(0.35), 1.1, 1.25) * rng.choice([0.0, 0.25])
    asphalt *= 1 - patched
    if town:
        beside = np.array([0.24, 0.235, 0.225]) * (1 + 0.08 * fine + 0.08 * broad)[..., None]
    else:
        greens = np.array([(0.075, 0.125, 0.035), (0.13, 0.135, 0.055), (0.20, 0.165, 0.09)])
        beside = greens[rng.choice(3, p=[0.5, 0.3, 0.2])] * (1 + 0.35 * fine + 0.25 * broad)[..., None]
    gravel = np.array([0.20, 0.185, 0.16]) * (1 + 0.25 * fine)[..., None]
    edge = np.abs(side) - half_road + (0.0 if town else 0.06) * (broad + fine)
    on_road = smoothstep(edge, foot, -foot)[..., None]
    strip = smoothstep(edge - (0.25 if town else 0.9), foot, -foot)[..., None]
    albedo = beside * (1 - strip) + gravel * strip
    albedo = albedo * (1 - on_road) + asphalt[..., None] * on_road
    worn = np.clip(0.85 + 0.25 * broad + 0.2 * fine, 0.2, 1) * rng.uniform(0.55, 1.0)
    dashes = ((z + phase) % 9.0 < 4.0) if rng.random() < 0.8 else np.ones(z.shape, dtype=bool)
    marks = _stripe(side, 0.0, foot) * dashes
    if rng.random() < 0.75:
        marks = np.maximum(marks, _stripe(np.abs(side), half_road - 0.25, foot))
    albedo = albedo + (0.62 - albedo) * (marks * worn)[..., None]
    cover = smoothstep(y - view.horizon, -0.3, 1.2)
    view.put(area, cover, albedo, z, facing=0.55)
    if view.weather.wet > 0:
        mirrored = np.clip(2 * view.horizon - y + 3 * fine, 0, view.size[0] - 1)
        seen = sample(view.radiance, x + 2 * fine, mirrored)
        share = view.weather.wet * on_road[..., 0] * np.clip(0.55 + 0.25 * broad, 0, 1) * np.clip(z / 30, 0.15, 0.8)
        view.radiance[area] += (seen - view.radiance[area]) * share[..., None]


def _ground_texture(rng: np.random.Generator) -> Field:
    return 0.7 * rng.standard_normal((128, 128)) + 0.7 * noise(rng, (128, 128), 3.0)


def _stripe(side: Field, at: float, foot: Field) -> Field:
    """A painted line 12 cm wide, as strong as the share of the pixel that it covers."""
    half = 0.06
    return np.asarray(np.clip((half + foot / 2 - np.abs(side - at)) / foot, 0, np.minimum(1, 2 * half / foot)))


def paint_tree(rng: np.random.Generator, view: View, x: float, z: float, height: float) -> None:
    """A broad-leaved tree or, when low, a bush: clumps of leaves about a trunk."""
    width = height * rng.uniform(0.30, 0.48)
    area = view.around(x, height / 2, z, width * 1.2, height * 0.62)
    if area is None:
        return
    px, py = local_grid(area)
    scale = view.focal / z
    gx, gy = (px - view.column(x, z)) / scale, view.eye - (py - view.horizon) / scale
    bush = height < 3
    crown = np.full(gx.shape, np.inf)
    shade = np.zeros(gx.shape)
    for _ in range(int(rng.integers(14, 24))):
        angle, far = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
        radius = width * rng.uniform(0.25, 0.45)
        cx = width * 0.75 * far * np.cos(angle)
        cy = height * ((0.45 if bush else 0.62) + (0.33 if bush else 0.27) * far * np.sin(angle))
        distance = np.hypot(gx - cx, gy - cy) - radius
        lit = ((gy - cy) * 0.8 + (gx - cx) * 0.5 * view.sun_side) / radius
        nearer = distance < crown
        crown[nearer] = distance[nearer]
        shade[nearer] = np.clip(lit[nearer], -1, 1)
    leaf = max(0.18 * scale, 1.2)
    ragged = fractal(rng, gx.shape, (leaf * 2.2, leaf), 0.8)
    cover = smoothstep(crown + 0.10 * width * ragged - 0.04 * width, 0.6 / scale, -0.6 / scale)
    greens = np.array([(0.050, 0.085, 0.022), (0.075, 0.105, 0.030), (0.035, 0.060, 0.022), (0.13, 0.085, 0.025)])
    tone = greens[rng.choice(4, p=[0.4, 0.3, 0.2, 0.1])] * rng.uniform(0.8, 1.25)
    if not bush:
        trunk = smoothstep(np.abs(gx) - 0.02 * height, 0.5 / scale, -0.5 / scale) * (gy < height * 0.62) * (gy > 0)
        view.put(area, np.asarray(trunk), (0.055, 0.045, 0.035), z, facing=0.3)
    albedo = tone * np.clip(1 + 0.38 * ragged, 0.2, 2)[..., None]
    view.put(area, cover * (gy > 0), albedo, z, facing=np.clip(0.45 + 0.5 * shade, 0.03, 1))


def paint_house(rng: np.random.Generator, view: View, x: float, z: float, width: float, height: float) -> None:
    """A house that faces the camera, with windows, a door and a roof; its flank runs along the road."""
    near = z
    plaster = np.array(
        [(0.45, 0.42, 0.36), (0.50, 0.50, 0.48), (0.36, 0.20, 0.14), (0.42, 0.36, 0.24), (0.30, 0.31, 0.32)]
    )
    wall = plaster[rng.integers(len(plaster))] * rng.uniform(0.8, 1.1)
    lights = view.weather.headlights > 0.2
    inner = x - np.sign(x) * width / 2
    depth = rng.uniform(8, 16)
    a, b = view.column(inner, near), view.column(inner, near + depth)
    low, high = max(min(a, b), 0), min(max(a, b), view.size[1])
    if high > low:
        area = Window(slice(0, view.size[0]), slice(int(low), int(np.ceil(high)) or 1))
        px, py = local_grid(area)
        offset = px - view.centre
        zz = view.focal * inner / np.where(np.abs(offset) < 1, np.sign(inner), offset)
        inside = ((zz >= near) & (zz <= near + depth)).astype(np.float64)
        zz = np.clip(zz, near, near + depth)
        _facade(rng, view, area, zz - near, view.eye - (py - view.horizon) * zz / view.focal, zz, inside, wall,
                depth, height, 0.2, lights)  # fmt: skip
    front = view.around(x, height / 2, z, width / 2, height / 2)
    if front is not None:
        px, py = local_grid(front)
        gx, gy = (px - view.column(x, z)) * z / view.focal, view.eye - (py - view.horizon) * z / view.focal
        inside = (np.abs(gx) <= width / 2).astype(np.float64)
        _facade(rng, view, front, gx + width / 2, gy, np.full(gx.shape, z), inside, wall, width, height, 0.65, lights)
    rise = rng.uniform(0.0, 0.35) * width
    roof = view.around(x, height + rise / 2, z, width / 2 + 0.4, rise / 2)
    if roof is not None and rise > 1:
        px, py = local_grid(roof)
        gx, gy = (px - view.column(x, z)) * z / view.focal, view.eye - (py - view.horizon) * z / view.focal
        slope = np.maximum(np.abs(gx) / (width / 2 + 0.4) + (gy - height) / rise - 1, (height - gy) / rise)
        tiles = (0.20, 0.085, 0.055) if rng.random() < 0.6 else (0.08, 0.08, 0.085)
        view.put(roof, smoothstep(slope, 0.02, -0.02), tiles, z, facing=0.5)


def _facade(
    rng: np.random.Generator, view: View, area: Window, u: Field, v: Field, z: Field, inside: Field, wall: Field,
    width: float, height: float, facing: float, lights: bool,
) -> None:  # fmt: skip
    """A wall in its own metres (u along, v up) with a grid of windows."""
    cover = inside * (v <= height) * (v >= 0)
    pitch, floor = rng.uniform(2.2, 3.4), rng.uniform(2.8, 3.4)
    column, storey = u / pitch, v / floor
    glass = (np.abs(column % 1 - 0.5) < 0.22) & (np.abs(storey % 1 - 0.52) < 0.24)
    frame = (np.abs(column % 1 - 0.5) < 0.26) & (np.abs(storey % 1 - 0.52) < 0.28) & ~glass
    within = (u > 0.5) & (u < width - 0.5) & (v < height - 0.4)
    lit = rng.random((40, 40)) < (0.35 if lights else 0.0)
    burning = lit[np.clip(storey.astype(int), 0, 39), np.clip(column.astype(int), 0, 39)] & glass & within
    albedo = np.broadcast_to(wall, (*u.shape, 3)) * (1 + 0.05 * noise(rng, u.shape, 4.0))[..., None]
    albedo = np.where((frame & within)[..., None], 0.5, albedo)
    albedo = np.where((glass & within)[..., None], 0.07, albedo)
    sheen = np.array(view.weather.horizon) * 0.18 * (glass & within)[..., None]
    glow = sheen + burning[..., None] * np.array([0.25, 0.17, 0.08])
    view.put(area, cover.astype(np.float64), albedo, z, facing=facing, glow=glow)


def paint_pole(view: View, x: float, z: float, height: float, thickness: float, tone: float = 0.35) -> None:
    """An upright tube: what a sign or a lamp is mounted on."""
    area = view.around(x, height / 2, z, thickness, height / 2)
    if area is None:
        return
    px, py = local_grid(area)
    scale = view.focal / z
    across = (px - view.column(x, z)) / scale
    up = view.eye - (py - view.horizon) / scale
    half = thickness / 2
    cover = np.clip((half - np.abs(across)) * scale + 0.5, 0, min(1.0, thickness * scale)) * (up >= 0) * (up <= height)
    sheen = np.clip(1 + 0.6 * view.sun_side * across / half, 0.4, 1.6)
    view.put(area, cover, np.repeat((tone * sheen)[..., None], 3, axis=2), z)


def paint_car(rng: np.random.Generator, view: View, x: float, z: float, ahead: bool) -> None:
    """A car from behind (or, oncoming, from the front), with its shadow on the road."""
    area = view.around(x, 0.7, z, 1.3, 0.95)
    if area is None:
        return
    px, py = local_grid(area)
    scale = view.focal / z
    gx, gy = (px - view.column(x, z)) / scale, view.eye - (py - view.horizon) / scale
    soft = 0.7 / scale

    def shape(cx: float, cy: float, half_w: float, half_h: float, radius: float) -> Field:
        return smoothstep(rounded_box(gx - cx, gy - cy, half_w, half_h, radius), soft, -soft)

    view.put(area, 0.75 * smoothstep(np.hypot(gx / 1.1, (gy - 0.03) / 0.16), 1.1, 0.6), (0.01, 0.01, 0.01), z)
    paints = np.array(
        [(0.55, 0.55, 0.55), (0.03, 0.03, 0.035), (0.25, 0.26, 0.28), (0.35, 0.03, 0.03), (0.03, 0.07, 0.22)]
    )
    paint = paints[rng.integers(len(paints))]
    for side in (-0.62, 0.62):
        view.put(area, shape(side, 0.28, 0.13, 0.28, 0.05), (0.015, 0.015, 0.015), z)
    cabin = smoothstep(rounded_box(gx / (1.12 - 0.2 * (gy - 0.9)), gy - 1.1, 0.66, 0.38, 0.16), soft, -soft)
    body = shape(0, 0.66, 0.86, 0.36, 0.14)
    gradient = np.clip(0.75 + 0.5 * (gy - 0.5), 0.4, 1.3)[..., None]
    view.put(area, cabin, paint * gradient, z)
    pane = smoothstep(rounded_box(gx / (1.1 - 0.2 * (gy - 0.9)), gy - 1.16, 0.56, 0.22, 0.08), soft, -soft)
    reflection = np.ones((*gx.shape, 1)) * np.array(view.weather.horizon) * 0.15
    view.put(area, pane, (0.02, 0.022, 0.025), z, glow=reflection)
    view.put(area, body, paint * gradient, z)
    view.put(area, shape(0, 0.42, 0.84, 0.10, 0.05), paint * 0.5 if rng.random() < 0.5 else (0.03, 0.03, 0.03), z)
    view.put(area, shape(0, 0.62, 0.25, 0.055, 0.01), (0.6, 0.6, 0.58), z)
    burning = 1.0 if view.weather.headlights > 0 or not ahead else 0.15
    lamp = np.array([0.55, 0.02, 0.015]) if ahead else np.array([1.0, 0.95, 0.8])
    for side in (-0.68, 0.68):
        glow = np.ones((*gx.shape, 1)) * lamp * burning * (0.35 + view.weather.headlights)
        view.put(area, shape(side, 0.76, 0.14, 0.09, 0.04), lamp * 0.6, z, glow=glow)
