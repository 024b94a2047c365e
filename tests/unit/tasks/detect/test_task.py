"""Detection as export sees it, and what steers its training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vision_ft.bundle import ClassInfo, InputSpec
from vision_ft.bundle.manifest import Calibration
from vision_ft.recipe import load_recipe
from vision_ft.tasks.contract import FitData
from vision_ft.tasks.detect.average_precision import Found
from vision_ft.tasks.detect.metrics import validation_metrics
from vision_ft.tasks.detect.task import TASK
from vision_ft.training.fit import fresh_backbone

CLASSES = (ClassInfo(id="dent"), ClassInfo(id="crack"), ClassInfo(id="none", good=True, background=True))


@pytest.mark.parametrize("calibration", [Calibration(temperature=0.8, offset=-0.6), Calibration(offset=0.8)])
def test_calibrated_scores_are_cut_where_thresholds_were_set(calibration: Calibration) -> None:
    size = {"input.height": 64, "input.width": 64, "model.backbone": "test_efficientnet", "model.pretrained": False}
    # Untrained scores lie about 0.01: the floor cuts through them.
    recipe = load_recipe(None, {"task": {"name": "detect", "score_floor": 0.01, "width": 16}, **size})
    data = FitData(recipe, CLASSES, InputSpec(height=64, width=64), (), (), 0)
    module = TASK.build(data, fresh_backbone(recipe), steps=1)
    torch.nn.init.normal_(module.network.class_head.weight, std=0.3)
    batch = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before, after = (
        TASK.exportable(module, calibration=one, heatmap=False).reference(batch) for one in (Calibration(), calibration)
    )
    assert 0 < before["counts"].sum() < before["scores"].size
    np.testing.assert_array_equal(before["counts"], after["counts"])
    np.testing.assert_allclose(before["boxes"], after["boxes"])
    assert not np.allclose(before["scores"], after["scores"])


def test_the_loss_decides_while_nothing_is_found() -> None:
    nothing = Found(
        np.zeros((0, 4)),
        np.zeros(0, np.int64),
        np.zeros(0, np.bool_),
        np.zeros((0, 4)),
        np.zeros(0, np.int64),
        np.zeros(0),
    )
    early, late = (validation_metrics([nothing], 2, loss)["objective"] for loss in (2.0, 1.0))
    assert late > early
