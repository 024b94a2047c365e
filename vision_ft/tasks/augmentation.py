"""From the recipe's `augment` section to an albumentations pipeline.

It works on placed images (uint8 RGB at the input size) and, where there are any, on their
masks and boxes with the same geometry.
"""

from __future__ import annotations

import os
import random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A  # noqa: N812

from vision_ft.recipe.augment import AugmentSection


def build_augmentation(section: AugmentSection, *, square: bool, boxes: bool = False) -> A.Compose:
    """The pipeline of a recipe. Quarter turns need a `square` input; borders are mirrored."""
    steps: list[Any] = []
    if section.flip_horizontal:
        steps.append(A.HorizontalFlip(p=section.flip_horizontal))
    if section.flip_vertical:
        steps.append(A.VerticalFlip(p=section.flip_vertical))
    if section.rotate_90 and square:
        steps.append(A.RandomRotate90(p=section.rotate_90))
    if section.rotate_degrees or section.shift or section.scale != (1.0, 1.0):
        shift = (-section.shift, section.shift)
        steps.append(
            A.Affine(
                scale=section.scale,
                translate_percent={"x": shift, "y": shift},
                rotate=(-section.rotate_degrees, section.rotate_degrees),
                border_mode=cv2.BORDER_REFLECT_101,
                keep_ratio=True,
                p=0.8,
            )
        )
    if section.exposure:
        light = (2.0**-section.exposure, 2.0 ** (section.exposure / 3))
        steps.append(A.MultiplicativeNoise(multiplier=light, per_channel=False, elementwise=False, p=0.5))
    if section.brightness or section.contrast:
        steps.append(
            A.RandomBrightnessContrast(
                brightness_limit=section.brightness, contrast_limit=section.contrast, brightness_by_max=False, p=0.8
            )
        )
    if section.gamma:
        steps.append(A.RandomGamma(gamma_limit=(100 * (1 - section.gamma), 100 * (1 + section.gamma)), p=0.5))
    if section.saturation:
        steps.append(
            A.HueSaturationValue(
                hue_shift_limit=18 * section.saturation,
                sat_shift_limit=100 * section.saturation,
                val_shift_limit=0,
                p=0.5,
            )
        )
    if section.blur:
        steps.append(A.OneOf([A.GaussianBlur(blur_limit=(3, 5)), A.MotionBlur(blur_limit=(3, 5))], p=section.blur))
    if section.noise:
        steps.append(A.GaussNoise(std_range=(0.01, 0.05), p=section.noise))
    if section.jpeg:
        steps.append(A.ImageCompression(quality_range=(50, 90), p=section.jpeg))
    if section.erase:
        steps.append(
            A.CoarseDropout(
                num_holes_range=(1, 2), hole_height_range=(0.08, 0.2), hole_width_range=(0.08, 0.2), p=section.erase
            )
        )
    if boxes and not steps:
        steps.append(A.NoOp())  # a pipeline of boxes without a step that takes some warns
    params = A.BboxParams(format="pascal_voc", label_fields=["labels"], min_visibility=0.2, filter_invalid_bboxes=True)
    return A.Compose(steps, bbox_params=params if boxes else None)


def augment(pipeline: A.Compose, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """One augmented image, uint8 of the same shape; the same seed gives the same pixels."""
    # A seed would go to each step alike, and all would flip, turn and darken together: they share generators.
    pipeline.set_random_state(np.random.default_rng([seed, 1]), random.Random(seed))
    return np.ascontiguousarray(pipeline(image=image)["image"])


def augment_boxes(
    pipeline: A.Compose, image: NDArray[np.uint8], boxes: NDArray[np.float64], labels: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.int64]]:
    """One augmented image with its boxes [M, 4] (left, top, right, bottom in pixels) and labels [M].

    Boxes of which less than a fifth is inside afterwards are gone, the others are cut to the image.
    """
    pipeline.set_random_state(np.random.default_rng([seed, 1]), random.Random(seed))
    made = pipeline(image=image, bboxes=boxes, labels=labels)
    found = np.asarray(made["bboxes"], dtype=np.float64).reshape(-1, 4)
    return np.ascontiguousarray(made["image"]), found, np.asarray(made["labels"], dtype=np.int64).reshape(-1)
