"""What a pretrained backbone sees in images, for quick looks before training."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from vision_ft.backbones.contract import Backbone
from vision_ft.tasks.images import PlacedImages


@torch.no_grad()
def embed_samples(backbone: Backbone, images: PlacedImages, batch_size: int) -> NDArray[np.float32]:
    """Averaged last map of each image, float32 [N, D]."""
    backbone = backbone.eval()
    device = next(backbone.parameters()).device
    vectors = []
    for start in range(0, len(images), batch_size):
        some = np.stack([images[row] for row in range(start, min(start + batch_size, len(images)))])
        pixels = torch.from_numpy(some).to(device).permute(0, 3, 1, 2).float()
        vectors.append(backbone.maps(pixels)[-1].mean(dim=(2, 3)).cpu().numpy())
    return np.concatenate(vectors).astype(np.float32)
