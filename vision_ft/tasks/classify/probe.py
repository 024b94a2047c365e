"""Linear probe before fine-tuning: the classifier is fitted on the pretrained features first.

Fine-tuning from a fitted head distorts the features less and does better on parts unlike
the training ones (Kumar et al., arXiv 2202.10054); where parts are few it is most of what
can be learned.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from vision_ft.bundle.tasks.classify import ClassifyOptions
from vision_ft.tasks.classify.dataset import ClassifyDataset
from vision_ft.tasks.classify.network import PooledClassifier
from vision_ft.tasks.contract import FitData
from vision_ft.tasks.sampling import Draw, EpochSampler, derive_seed, sample_weights

_AUGMENTED_SHARE = 0.3
"""Weight of all augmented views together; the rest is of the images as they are and mirrored."""


@dataclass(frozen=True)
class Views:
    """Pooled features of several views of training images, V in all."""

    features: Tensor
    """As the network gave them, float [V, F]."""
    rows: NDArray[np.int64]
    """Which image each view shows [V]."""
    weights: NDArray[np.float64]
    """Weight of each view [V]; they sum to one."""
    mean: Tensor
    scale: Tensor
    """The standardisation that the network had."""

    def standardised(self, network: PooledClassifier) -> Tensor:
        """The features as the network standardises them now, float [V, F]."""
        raw = self.features / self.scale + self.mean
        return (raw - network.mean.cpu()) * network.scale.cpu()


def probe_views(
    network: PooledClassifier, dataset: ClassifyDataset, data: FitData, cache: FeatureCache, *, device: torch.device
) -> Views:
    """Each image as it is and, where the augmentation mirrors, mirrored; and augmented views.

    Augmented views are drawn as training epochs are, so that rare classes and parts have as
    many as frequent ones.
    """
    options, seed = data.recipe.options(ClassifyOptions), data.recipe.seed
    weights = sample_weights(data.train) if options.imbalance == "sampler" else np.full(len(dataset), 1 / len(dataset))
    drawn: list[Draw] = []
    if options.probe:
        sampler = EpochSampler(len(dataset), seed=derive_seed(seed, "probe"), weights=weights)
        for epoch in range(math.ceil(options.probe_draws)):
            sampler.set_epoch(epoch)
            drawn += list(sampler)[: round(len(dataset) * min(1.0, options.probe_draws - epoch))]
    mirrors = (False, True) if options.probe and data.recipe.augment.flip_horizontal > 0 else (False,)
    before = network.mean.clone().cpu(), network.scale.clone().cpu()
    batch_size = data.recipe.trainer.batch_size
    plain = ClassifyDataset(dataset.images, data.classes, None)
    features = [
        cache.features(network, plain, batch_size=batch_size, device=device, mirror=mirror) for mirror in mirrors
    ]
    share = _AUGMENTED_SHARE if drawn else 0.0
    each = [np.tile(weights / weights.sum() * (1 - share) / len(mirrors), len(mirrors))]
    if drawn:
        features.append(pooled_features(network, dataset, drawn, batch_size=batch_size, device=device))
        each.append(np.full(len(drawn), share / len(drawn)))
    rows = [*range(len(dataset))] * len(mirrors) + [row for row, _ in drawn]
    return Views(torch.cat(features), np.array(rows, dtype=np.int64), np.concatenate(each), *before)


class FeatureCache:
    """Features of images as they are, kept between the fits of a run: folds share most of their images."""

    def __init__(self) -> None:
        self._network = ""
        self._rows: dict[tuple[str, bool], Tensor] = {}

    def features(
        self,
        network: PooledClassifier,
        dataset: ClassifyDataset,
        *,
        batch_size: int,
        device: torch.device,
        mirror: bool,
    ) -> Tensor:
        """Like `pooled_features` on every image, computing only what another fit has not."""
        spec = dataset.images.spec.model_dump_json()
        # What is pooled does not show in the weights of a network that is not fitted yet.
        pooled = f"{network.taps} {network.statistics}"
        network_now = f"{spec} {pooled} {[float(p.detach().double().sum()) for p in network.state_dict().values()]}"
        if network_now != self._network:
            self._network, self._rows = network_now, {}
        digests = [sample.digest for sample in dataset.images.samples]
        new = [(row, 0) for row, digest in enumerate(digests) if (digest, mirror) not in self._rows]
        if new:
            found = pooled_features(network, dataset, new, batch_size=batch_size, device=device, mirror=mirror)
            self._rows |= {(digests[row], mirror): one for (row, _), one in zip(new, found, strict=True)}
        return torch.stack([self._rows[digest, mirror] for digest in digests])


@torch.no_grad()
def pooled_features(
    network: PooledClassifier,
    dataset: ClassifyDataset,
    draws: Sequence[Draw],
    *,
    batch_size: int,
    device: torch.device,
    mirror: bool = False,
) -> Tensor:
    """Standardised pooled features of drawn images, float [len(draws), F] on the CPU."""
    network.eval().to(device)
    features = []
    for start in range(0, len(draws), batch_size):
        batch = torch.stack([dataset[draw][0] for draw in draws[start : start + batch_size]]).to(device)
        pixels = batch.permute(0, 3, 1, 2).float()
        if mirror:
            pixels = pixels.flip(-1)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=_half_pays(device)):
            pooled = network.pool(pixels.contiguous(memory_format=torch.channels_last)).features
        features.append(pooled.float().cpu())
    return torch.cat(features)


def seconds_per_view(
    network: PooledClassifier, dataset: ClassifyDataset, batch_size: int, *, device: torch.device
) -> float:
    """Measured seconds of `pooled_features` for one augmented view."""
    count = min(batch_size, len(dataset))
    draws = [(row, row) for row in range(count)]
    seconds = []
    for _ in range(3):  # the first one warms up
        start = time.perf_counter()
        pooled_features(network, dataset, draws, batch_size=batch_size, device=device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:]) / count


def _half_pays(device: torch.device) -> bool:
    """Whether bfloat16 is computed in hardware: two to three times as fast, and exact enough for pooled features."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())


PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""Candidates where the recipe leaves the penalty to the data."""


def choose_penalty(
    features: Tensor, targets: Tensor, weights: NDArray[np.float64], groups: NDArray[np.int64], *, classes: int
) -> float:
    """The strongest penalty that is not clearly worse than the best one on groups left out.

    `features` float [V, F] and `targets` int [V] of views, `weights` [V], `groups` int [V]. Each
    penalty is judged by its weighted likelihood at its own best temperature (which is fitted
    anyhow afterwards). Worse by less than a standard error over groups is not clearly worse: a
    handful of parts tells no more, and the stronger penalty is the safer one on new parts.
    """
    folds = groups % 3
    shares = torch.from_numpy(weights / weights.sum()).float()
    each = []
    for penalty in PENALTIES:
        logits = torch.zeros(len(features), classes)
        for fold in np.unique(folds):
            held = torch.from_numpy(folds == fold)
            weight, bias = _regress(
                features[~held], targets[~held], shares[~held], classes, penalty=penalty, smoothing=0.0, iterations=40
            )
            logits[held] = F.linear(features[held], weight, bias)
        losses = torch.stack(
            [F.cross_entropy(logits * scale, targets, reduction="none") * shares for scale in torch.logspace(-1, 1, 41)]
        )
        best = losses[int(losses.sum(dim=1).argmin())].double().numpy()
        each.append(np.bincount(groups, weights=best))
    totals = [float(one.sum()) for one in each]
    winner = each[int(np.argmin(totals))]
    for penalty, one in sorted(zip(PENALTIES, each, strict=True), reverse=True, key=lambda pair: pair[0]):
        worse = (one - winner)[np.unique(groups)]
        if worse.sum() <= worse.std() * len(worse) ** 0.5:
            return penalty
    return PENALTIES[int(np.argmin(totals))]


def fit_classifier(
    network: PooledClassifier,
    features: Tensor,
    targets: Tensor,
    weights: NDArray[np.float64],
    *,
    penalty: float,
    smoothing: float,
    offset: Tensor | None = None,
    iterations: int = 100,
) -> float:
    """Multinomial logistic regression by L-BFGS into the network's classifier; gives the weighted mean loss.

    `features` float [N, F], `targets` int [N], `weights` [N] (any positive scale). `penalty`
    is the factor of the squared norm of the weights. `offset` float [classes] is added to the
    logits in fitting alone (the log-prior, for logit adjustment).
    """
    shares = torch.from_numpy(weights / weights.sum()).float()
    classes = network.classifier.out_features
    weight, bias = _regress(
        features, targets, shares, classes, penalty=penalty, smoothing=smoothing, iterations=iterations, offset=offset
    )
    with torch.no_grad():
        network.classifier.weight.copy_(weight)
        network.classifier.bias.copy_(bias)
    losses = F.cross_entropy(F.linear(features, weight, bias), targets, reduction="none")
    return float((losses * shares).sum())


def _regress(
    features: Tensor,
    targets: Tensor,
    shares: Tensor,
    classes: int,
    *,
    penalty: float,
    smoothing: float,
    iterations: int,
    offset: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Weights [classes, F] and biases [classes] of the penalised regression."""
    weight = torch.zeros(classes, features.shape[1]).requires_grad_()
    bias = torch.zeros(classes).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe", tolerance_change=1e-7
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = F.linear(features, weight, bias if offset is None else bias + offset)
        each = F.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
        loss: Tensor = (each * shares).sum() + penalty * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()
