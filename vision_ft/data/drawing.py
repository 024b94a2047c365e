"""Labels drawn on images, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vision_ft.bundle.classes import ClassInfo, object_classes
from vision_ft.bundle.drawing import Colour, colour_of
from vision_ft.data.index import Sample
from vision_ft.data.object_masks import IGNORED, boxes_of, class_mask, object_mask

IGNORED_COLOUR = (200, 200, 200)
_DARK = (20, 20, 20)
_LEAST_FONT = 11

Area = tuple[int, int, int, int]


def draw_truth(image: NDArray[np.uint8], sample: Sample, classes: Sequence[ClassInfo]) -> NDArray[np.uint8]:
    """Draw the labelled objects of `sample` on its upright image, RGB uint8 [H, W, 3], and give the picture.

    Boxes and outlines are in the colours of their classes, with a dark edge, and carry the
    classes' titles; what is ignored is grey. `image` may be scaled. Raises DataError for a
    mask that cannot be read, and where nothing says where the object is.
    """
    pen = _Pen(image, sample.width, sample.height)
    named = [one.title for one in object_classes(classes)]
    boxes, numbers, ignored = boxes_of(sample, classes)
    if sample.objects is not None:
        for one, number, ignore in zip(sample.objects, numbers.tolist(), ignored.tolist(), strict=True):
            colour = IGNORED_COLOUR if ignore else colour_of(number)
            if one.polygons or one.rle:
                pen.edge(object_mask(one, sample.height, sample.width), colour)
            else:
                pen.box(one.box, colour)
    elif sample.mask is not None:
        mask = class_mask(sample, classes)
        for value in np.unique(mask[mask > 0]).tolist():
            pen.edge(mask == value, IGNORED_COLOUR if value == IGNORED else colour_of(value - 1))
    # Titles last, so that no line runs through one.
    pen.keep_clear(boxes.tolist())
    for box, number, ignore in zip(boxes.tolist(), numbers.tolist(), ignored.tolist(), strict=True):
        if ignore and sample.objects is None:
            continue  # a patch of no class in particular
        title = f"{named[number]} (ignored)" if ignore else named[number]
        pen.title(box, title, IGNORED_COLOUR if ignore else colour_of(number))
    return pen.picture()


def draw_boxes(
    image: NDArray[np.uint8], boxes: NDArray[np.floating], labels: NDArray[np.int64], classes: Sequence[ClassInfo]
) -> NDArray[np.uint8]:
    """The same for boxes [M, 4] (left, top, right, bottom in pixels); `labels` [M] number the object classes.

    Negative labels are ignored objects.
    """
    pen = _Pen(image, *image.shape[1::-1])
    named = [one.title for one in object_classes(classes)]
    for box, label in zip(boxes.tolist(), labels.tolist(), strict=True):
        pen.box(box, IGNORED_COLOUR if label < 0 else colour_of(label))
    pen.keep_clear(boxes.tolist())
    for box, label in zip(boxes.tolist(), labels.tolist(), strict=True):
        if label >= 0:
            pen.title(box, named[label], colour_of(label))
    return pen.picture()


def draw_class_mask(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], classes: Sequence[ClassInfo]
) -> NDArray[np.uint8]:
    """The same for a mask [H, W] of the image's size as `class_mask` gives it: outlines, and a title at each."""
    pen = _Pen(image, *image.shape[1::-1])
    named = [one.title for one in object_classes(classes)]
    titles: list[tuple[list[int], int]] = []
    for value in np.unique(mask[mask > 0]).tolist():
        where = np.asarray(mask == value, np.uint8)
        pen.edge(where > 0, IGNORED_COLOUR if value == IGNORED else colour_of(value - 1))
        if value != IGNORED:
            _, _, found, _ = cv2.connectedComponentsWithStats(where, connectivity=8)
            titles += [([x, y, x + wide, y + high], value - 1) for x, y, wide, high, _ in found[1:].tolist()]
    pen.keep_clear([box for box, _ in titles])
    for box, number in titles:
        pen.title(box, named[number], colour_of(number))
    return pen.picture()


@dataclass(frozen=True)
class _Title:
    text: str
    area: Area
    colour: Colour


class _Pen:
    """Draws on an image in pixels of the `width` x `height` that it had before it was scaled."""

    def __init__(self, image: NDArray[np.uint8], width: int, height: int) -> None:
        self._image = image.copy()
        self._height, self._width = image.shape[:2]
        self._scale = (self._width / width if width else 1.0, self._height / height if height else 1.0)
        longest = max(self._height, self._width)
        self._line = max(1, round(longest / 400))
        self._font = ImageFont.load_default(max(_LEAST_FONT, round(longest / 45)))
        self._titles: list[_Title] = []
        self._boxes: list[Area] = []

    def box(self, box: Sequence[float], colour: Colour) -> None:
        left, top, right, bottom = self._scaled(box)
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.int32)
        self._lines([corners.reshape(-1, 1, 2)], colour)

    def edge(self, where: NDArray[np.bool_], colour: Colour) -> None:
        """Draw around the pixels of a mask [H, W] in the sample's size."""
        found, _ = cv2.findContours(where.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        scaled = [np.floor((one + 0.5) * np.array(self._scale)).astype(np.int32) for one in found]
        self._lines(scaled, colour)

    def title(self, box: Sequence[float], text: str, colour: Colour) -> None:
        """Place a title above the box, or else below or inside: within the image, where it hides least."""
        left, top, _, bottom = self._scaled(box)
        start, high, end, low = self._font.getbbox(text)
        wide, tall = int(end - start) + 6, int(low - high) + 6
        x = max(0, min(left, self._width - wide))
        gap = self._line + 1
        near = [top - tall - gap, bottom + gap, top + gap]
        # Ever further down, and further from what they mean, where titles lie there already.
        steps = [(y, 0) for y in near] + [(top + gap + tall * n, 2 + n) for n in range(1, 12)]
        within = [(y, far) for y, far in steps if 0 <= y <= self._height - tall] or [(max(0, self._height - tall), 0)]
        areas = [((x, y, x + wide, y + tall), far) for y, far in within]
        best, _ = min(areas, key=lambda one: self._hidden(one[0]) + one[1])
        self._titles.append(_Title(text, best, colour))

    def keep_clear(self, boxes: Sequence[Sequence[float]]) -> None:
        """Name the boxes that titles had better not lie on."""
        self._boxes = [self._scaled(one) for one in boxes]

    def _hidden(self, area: Area) -> int:
        """How much a title there would hide of other titles and of boxes."""
        titles = sum(_overlap(area, one.area) for one in self._titles)
        # In a box about most of the image every place lies, and it hides little of it.
        boxes = (one for one in self._boxes if (one[2] - one[0]) * (one[3] - one[1]) < self._width * self._height / 4)
        return 5 * titles + sum(_overlap(area, one) for one in boxes)

    def picture(self) -> NDArray[np.uint8]:
        """The image with all that was drawn; the titles lie on top."""
        drawn = Image.fromarray(self._image)
        brush = ImageDraw.Draw(drawn)
        for one in self._titles:
            left, top, right, bottom = one.area
            start, high, _, _ = self._font.getbbox(one.text)
            brush.rectangle((left, top, right - 1, bottom - 1), fill=one.colour, outline=_DARK)
            brush.text((left + 3 - start, top + 3 - high), one.text, fill=_DARK, font=self._font)
        return np.ascontiguousarray(np.asarray(drawn, np.uint8))

    def _scaled(self, box: Sequence[float]) -> Area:
        """The outermost pixels of a box, all inside of the image."""
        left, top, right, bottom = box
        x0, x1 = (min(max(round(one * self._scale[0]), 0), self._width) for one in (left, right))
        y0, y1 = (min(max(round(one * self._scale[1]), 0), self._height) for one in (top, bottom))
        return min(x0, self._width - 1), min(y0, self._height - 1), max(x0, x1 - 1), max(y0, y1 - 1)

    def _lines(self, outlines: Sequence[NDArray[np.int32]], colour: Colour) -> None:
        # The dark edge shows the line on what is as light as itself.
        for width, shade in ((self._line + 2, _DARK), (self._line, colour)):
            cv2.polylines(self._image, list(outlines), True, shade, width, cv2.LINE_8)


def _overlap(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
