"""Windows of the frame: they show what they are to show, at the scale that they are to have."""

from __future__ import annotations

import numpy as np
import pytest

from vision_ft.bundle.manifest import InputSpec, TileSpec
from vision_ft.bundle.place import geometry_of
from vision_ft.tasks.segment.crops import cut, draw_window
from vision_ft.tasks.segment.pictures import Picture, frame_of

SPECS = (
    InputSpec(height=64, width=64, placement="letterbox"),
    InputSpec(height=64, width=96),
    InputSpec(height=48, width=48, placement="crop"),
    InputSpec(height=64, width=64, tile=TileSpec(size=32)),
)


def _picture(height: int, width: int, spec: InputSpec, at: tuple[int, int]) -> Picture:
    """A picture with a spot of 3 x 3 pixels around x, y."""
    image = np.full((height, width, 3), 60, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    x, y = at
    image[y - 1 : y + 2, x - 1 : x + 2] = 250
    mask[y - 1 : y + 2, x - 1 : x + 2] = 1
    return Picture(image, mask, frame_of(width, height, spec), (np.array([[x, y]]),))


@pytest.mark.parametrize("spec", SPECS, ids=["letterbox", "stretch", "crop", "tile"])
@pytest.mark.parametrize("size", [(40, 200), (150, 90), (100, 100)])
def test_a_window_shows_its_place_and_mask_and_image_agree(spec: InputSpec, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    height, width = size
    left, top, across, down = frame_of(width, height, spec).crop
    for _ in range(60):
        place = (int(rng.integers(left + 2, left + across - 2)), int(rng.integers(top + 2, top + down - 2)))
        picture = _picture(height, width, spec, place)
        zoom = float(rng.uniform(0.7, 2.5))
        window = draw_window(picture.frame, (32, 40), zoom, np.array(place), rng)
        image, mask = cut(picture, window, pad=7)
        assert image.shape == (32, 40, 3)
        bright = image[:, :, 0] > 155
        if min(window.scale) > 0.7:  # else a spot may fall between the mask's samples
            assert mask.any()
            rows, columns = np.nonzero(mask)
            assert bright.any()
            shown = np.argwhere(bright).mean(axis=0)
            assert np.abs(shown - (rows.mean(), columns.mean())).max() < 1.5


@pytest.mark.parametrize("zoom", [0.5, 1.0, 1.7])
def test_the_scale_is_the_inputs_times_the_zoom(zoom: float) -> None:
    spec = SPECS[0]
    frame = geometry_of(100, 80, spec)
    rng = np.random.default_rng(0)
    for _ in range(20):
        window = draw_window(frame, (32, 32), zoom, None, rng)
        for axis in (0, 1):
            assert window.scale[axis] == pytest.approx(frame.scale[axis] * zoom, rel=0.12)


def test_at_zoom_one_and_the_inputs_size_it_is_what_the_service_sees() -> None:
    for spec in SPECS[:3]:
        frame = geometry_of(100, 80, spec)
        window = draw_window(frame, (spec.height, spec.width), 1.0, None, np.random.default_rng(0))
        if spec.placement != "letterbox":
            assert window == frame
        assert window.crop == frame.crop
        assert window.paste[2:] == frame.paste[2:]


def test_windows_reach_all_of_a_large_picture_and_stay_inside_without_padding() -> None:
    spec = SPECS[3]
    frame = frame_of(300, 200, spec)
    rng = np.random.default_rng(0)
    seen = np.zeros((200, 300), np.bool_)
    for _ in range(400):
        left, top, width, height = draw_window(frame, (64, 64), 1.0, None, rng).crop
        seen[top : top + height, left : left + width] = True
        assert max(abs(width - 32), abs(height - 32)) <= 1
    assert seen.mean() > 0.98
