"""What near-duplicates are looked for with: embeddings of the embedded backbone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vision_ft.backbones import build_backbone
from vision_ft.bundle.decode import decode
from vision_ft.bundle.manifest import InputSpec
from vision_ft.bundle.novelty import unit
from vision_ft.bundle.place import place

_SPEC = InputSpec(height=160, width=160)
_BATCH = 32


@torch.no_grad()
def embed_images(paths: Sequence[Path]) -> NDArray[np.float32]:
    """Unit vectors, float32 [N, D], of image files: averaged last features of `embedded` at 160 px.

    Always that backbone, whichever one is trained: the cosine from which on two images count as
    near-duplicates (`data.duplicates.MIN_COSINE`) was measured with it.
    """
    backbone = build_backbone("embedded").eval()
    vectors = []
    for start in range(0, len(paths), _BATCH):
        placed = [place(decode(path.read_bytes()), _SPEC)[0] for path in paths[start : start + _BATCH]]
        pixels = torch.from_numpy(np.stack(placed)).permute(0, 3, 1, 2).float()
        vectors.append(backbone(pixels).final.mean(dim=(2, 3)).numpy())
    return unit(np.concatenate(vectors).astype(np.float32))
