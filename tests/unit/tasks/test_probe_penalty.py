"""The probe's penalty, and the probe under logit adjustment."""

from __future__ import annotations

import numpy as np
import torch

from vision_ft.tasks.classify.probe import PENALTIES, choose_penalty, fit_classifier


class _Head:
    """Just the classifier of a network."""

    def __init__(self, width: int, classes: int) -> None:
        self.classifier = torch.nn.Linear(width, classes)


def test_logit_adjustment_moves_the_bias_by_the_prior() -> None:
    rng = np.random.default_rng(0)
    targets = torch.tensor([0] * 90 + [1] * 10)
    features = torch.from_numpy(rng.normal(size=(100, 4)).astype(np.float32))
    prior = torch.tensor([0.9, 0.1]).log()
    biases = []
    for offset in (None, prior):
        head = _Head(4, 2)
        fit_classifier(head, features, targets, np.ones(100), penalty=10.0, smoothing=0.0, offset=offset)  # type: ignore[arg-type]
        bias = head.classifier.bias.detach()
        biases.append(float(bias[0] - bias[1]))
    # Features say nothing here: plain fitting learns the prior, adjusted fitting learns even odds.
    assert abs(biases[0] - np.log(9)) < 0.05
    assert abs(biases[1]) < 0.05


def test_the_penalty_is_the_strongest_where_features_are_noise() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(60), 2)
    targets = torch.from_numpy((groups % 2).astype(np.int64))
    noise = torch.from_numpy(rng.normal(size=(120, 40)).astype(np.float32))
    assert choose_penalty(noise, targets, np.ones(120), groups, classes=2) == max(PENALTIES)


def test_the_penalty_is_weaker_where_a_strong_one_clearly_misses_what_there_is() -> None:
    rng = np.random.default_rng(2)
    groups = np.arange(240)
    targets = torch.from_numpy((groups % 2).astype(np.int64))
    features = torch.from_numpy(rng.normal(size=(240, 30)).astype(np.float32))
    # The difference of two nearly equal features tells: only large, opposite weights can use it.
    features[:, 1] = features[:, 0] + 0.02 * (targets.float() * 2 - 1)
    assert choose_penalty(features, targets, np.ones(240), groups, classes=2) < max(PENALTIES)
