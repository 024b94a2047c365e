"""Linear probe before fine-tuning: the classifier is fitted on the pretrained features first.

Fine-tuning from a fitted head distorts the features less and does better on parts unlike
the training ones (Kumar et al., arXiv 2202.10054); where parts are few it is most of what
can be learned.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from vision_ft.tasks.classify.dataset import ClassifyDataset
from vision_ft.tasks.classify.network import PooledClassifier
from vision_ft.tasks.sampling import derive_seed


@torch.no_grad()
def pooled_features(
    network: PooledClassifier,
    dataset: ClassifyDataset,
    *,
    seed: int,
    batch_size: int,
    device: torch.device,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Standardised pooled features of every image, float [N, F] on the CPU; augmented by the seed."""
    network.eval().to(device)
    features = []
    for start in range(0, len(dataset), batch_size):
        rows = range(start, min(start + batch_size, len(dataset)))
        batch = torch.stack([dataset[row, derive_seed(seed, row)][0] for row in rows]).to(device)
        pixels = batch.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
        features.append(network.pool(pixels).features.float().cpu())
        if progress is not None:
            progress(len(rows))
    return torch.cat(features)


def fit_classifier(
    network: PooledClassifier,
    features: Tensor,
    targets: Tensor,
    weights: NDArray[np.float64],
    *,
    penalty: float,
    smoothing: float,
    iterations: int = 100,
) -> float:
    """Multinomial logistic regression by L-BFGS into the network's classifier; gives the final loss.

    `features` float [N, F], `targets` int [N], `weights` [N] (any positive scale). `penalty`
    is the factor of the squared norm of the weights.
    """
    share = torch.from_numpy(weights / weights.sum()).float()
    weight = torch.zeros_like(network.classifier.weight, device="cpu").requires_grad_()
    bias = torch.zeros_like(network.classifier.bias, device="cpu").requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe", tolerance_change=1e-7
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        each = F.cross_entropy(F.linear(features, weight, bias), targets, reduction="none", label_smoothing=smoothing)
        loss: Tensor = (each * share).sum() + penalty * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    final = optimizer.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        network.classifier.weight.copy_(weight)
        network.classifier.bias.copy_(bias)
    return float(final)
