"""What good parts look like, learned in one pass: components, memory, and what is usual at each place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vision_ft.bundle.tasks.anomaly import AnomalyOptions
from vision_ft.tasks.anomaly.features import PatchSource, View
from vision_ft.tasks.anomaly.network import AnomalyNetwork

CANDIDATES = 20_000
"""Patches, drawn evenly over the images, that the memory is chosen from and components are fitted on."""
PROJECTED = 64
"""Random directions in which patches are compared while the memory is chosen (Johnson and Lindenstrauss)."""
_RIDGE = 0.01
"""Added to the variances, in shares of their mean: components that hardly vary must not decide."""
_PRIOR = 10.0
"""Images' worth of evidence that all places are alike."""


@torch.no_grad()
def fit_network(
    network: AnomalyNetwork,
    source: PatchSource,
    groups: NDArray[np.str_],
    options: AnomalyOptions,
    *,
    mirrored: bool,
    seed: int,
) -> float:
    """Fit all buffers of the network to the images of `source`, which lie in `groups` [N].

    Gives the share of the features' variance that the components hold.
    """
    mirrors = (False, True) if mirrored else (False,)
    views: list[View] = [(row, mirror) for mirror in mirrors for row in range(len(source))]
    candidates, rows = _draw(source, views, seed)
    share = _fit_components(network, candidates, options)
    coordinates = (candidates - network.mean) @ network.components
    half = _halves(groups)
    _fit_places(network, source, coordinates, half, half[rows], options, seed)
    network.memory = _memory(coordinates, options, seed)
    return share


def choose_spread(points: Tensor, count: int, *, seed: int) -> Tensor:
    """Rows of `count` points [P, K] such that every point is near to one: greedy k-centre, int64 [count].

    Each step takes the point farthest from all taken ones (Gonzalez, 1985), compared in random
    projections as PatchCore does.
    """
    if count >= len(points):
        return torch.arange(len(points))
    generator = torch.Generator().manual_seed(seed)
    width = min(PROJECTED, points.shape[1])
    directions = torch.randn(points.shape[1], width, generator=generator).to(points.device)
    seen = points @ directions / width**0.5
    squares = seen.square().sum(dim=1)
    chosen = torch.zeros(count, dtype=torch.int64, device=points.device)
    # The one nearest to the middle, and then whatever is farthest.
    chosen[0] = (squares - 2.0 * seen @ seen.mean(dim=0)).argmin()
    distance = torch.full_like(squares, torch.inf)
    for step in range(1, count):
        last = chosen[step - 1]
        torch.minimum(distance, squares + squares[last] - 2.0 * (seen @ seen[last]), out=distance)
        # Rounding leaves what is taken a little away from itself.
        distance[last] = 0.0
        chosen[step] = distance.argmax()
    return chosen.cpu()


def _draw(source: PatchSource, views: Sequence[View], seed: int) -> tuple[Tensor, NDArray[np.int64]]:
    """Features of patches, float [P, D], and the image of each [P]; every view gives as many."""
    generator = torch.Generator().manual_seed(seed)
    found, rows = [], []
    for some, features in source.batches(views):
        flat = features.flatten(2).transpose(1, 2)
        each = min(flat.shape[1], max(1, -(-CANDIDATES // len(views))))
        for (row, _), patches in zip(some, flat, strict=True):
            taken = torch.randperm(len(patches), generator=generator)[:each]
            found.append(patches[taken.to(patches.device)])
            rows += [row] * each
    return torch.cat(found), np.array(rows, dtype=np.int64)


def _fit_components(network: AnomalyNetwork, candidates: Tensor, options: AnomalyOptions) -> float:
    """Principal components, scaled.

    For a normal distribution by their deviation, so that its distance is Mahalanobis'; for the
    memory by the root of that, halfway to it: as they are a few components decide, and with all
    of one variance those that are mostly noise weigh as much as the others.
    """
    values, vectors = torch.linalg.eigh(torch.cov(candidates.double().T))
    values, vectors = values.flip(0).clamp_min(0.0), vectors.flip(1)
    kept = min(options.dimensions, len(values))
    chosen = vectors[:, :kept]
    power = 0.5 if options.method == "gaussian" else 0.25
    chosen = chosen / (values[:kept] + _RIDGE * values.mean()) ** power
    network.mean = candidates.mean(dim=0)
    network.components = chosen.float().contiguous()
    return float(values[:kept].sum() / values.sum().clamp_min(1e-12))


def _memory(coordinates: Tensor, options: AnomalyOptions, seed: int) -> Tensor:
    if options.method == "gaussian":
        return coordinates.mean(dim=0, keepdim=True)
    return coordinates[choose_spread(coordinates, options.memory, seed=seed).to(coordinates.device)].contiguous()


def _halves(groups: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Which half each image is in [N]: by group, or by image where there is one group."""
    names, numbers = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        numbers = np.arange(len(groups))
    return np.asarray(numbers % 2 == 0)


def _fit_places(
    network: AnomalyNetwork,
    source: PatchSource,
    coordinates: Tensor,
    half: NDArray[np.bool_],
    of_candidate: NDArray[np.bool_],
    options: AnomalyOptions,
    seed: int,
) -> None:
    """Mean distance of good patches at each place: each half of the images is compared with the other half's."""
    total: Tensor | None = None
    for side in (True, False):
        others = torch.from_numpy(of_candidate != side).to(coordinates.device)
        # A single image has no other half.
        network.memory = _memory(coordinates[others] if bool(others.any()) else coordinates, options, seed)
        for _, features in source.batches([(int(row), False) for row in np.flatnonzero(half == side)]):
            height, width = features.shape[2:]
            maps = network.smooth(network.distances(network.coordinates(features)).reshape(-1, height, width))
            total = maps.double().sum(dim=0) + (0.0 if total is None else total)
    assert total is not None, "there are images"
    count = len(source)
    usual = total / count
    # Few images say little of a single place: it is taken to be like all others, and like its neighbours.
    usual = (count * usual + _PRIOR * usual.mean()) / (count + _PRIOR)
    network.usual = network.smooth(usual.float()[None])[0] + 1e-6
