"""Training throughput beside a plain timm script: same backbone, size, batch, images, threads.

    python tests/benchmarks/bench_training.py DIR [--card CARD] [--recipe classify_defects]

Both train on the same images in turns, in one process; what is printed is the ratio of their
images per second. The plain script decodes, resizes and flips in a DataLoader and trains the
whole network with AdamW, in the memory layout that suits it best. Ours does what the recipe
says, augmentation included: cached decodes, frozen first layers, EMA.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from vision_ft.backbones import build_backbone
from vision_ft.bundle.threads import cpu_budget
from vision_ft.data.index import Sample
from vision_ft.recipe.load import load_recipe
from vision_ft.tasks.contract import FitData
from vision_ft.tasks.registry import torch_task
from vision_ft.training.prepare import input_spec, read_images


class PlainImages(Dataset[Any]):
    """Decode, resize, flip, scale."""

    def __init__(self, samples: list[Sample], numbers: dict[str, int], size: tuple[int, int]) -> None:
        self.samples, self.numbers, self.size = samples, numbers, size

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        read = cv2.imread(str(self.samples[row].path))
        assert read is not None
        image = cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
        image = cv2.resize(image, self.size[::-1])
        if np.random.random() < 0.5:
            image = image[:, ::-1]
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 127.5 - 1
        return pixels, self.numbers[self.samples[row].targets[0]]


def main() -> None:
    """Alternate rounds of both, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--card")
    parser.add_argument("--recipe", default="classify_defects")
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, help="input size of both (the recipe's)")
    found = parser.parse_args()
    torch.set_num_threads(cpu_budget())
    overrides: dict[str, Any] = {"data.root": str(found.root), "data.card": found.card}
    if found.size:
        overrides |= {"input.height": found.size, "input.width": found.size}
    recipe = load_recipe(found.recipe, overrides)
    index = read_images(recipe)
    samples = tuple(index.samples())
    ours, plain = _ours(recipe, index, samples), _plain(recipe, index, samples)
    ratios, figures = [], []
    for number in range(found.rounds + 1):
        a, b = _speed(ours, found.batches), _speed(plain, found.batches)
        if number:  # the first round warms up
            ratios.append(a / b)
            figures.append((a, b))
    print(f"{recipe.input.height} x {recipe.input.width} px, batch {recipe.trainer.batch_size}, {cpu_budget()} cores")
    print("images/s of vision-ft, of the plain script:", [f"{a:.1f} / {b:.1f}" for a, b in figures])
    print(f"ratio: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")


def _ours(recipe: Any, index: Any, samples: tuple[Sample, ...]) -> Any:
    task = torch_task(recipe.task.name)
    data = FitData(recipe, index.classes, input_spec(recipe), samples, (), 0)
    loader, _ = task.loaders(data)
    module: Any = task.build(data, build_backbone(recipe.model.backbone), steps=1000)
    module.log = lambda *_, **__: None
    module.train()
    optimizer = module.configure_optimizers()["optimizer"]
    averaging: Any = torch.optim.swa_utils.get_ema_multi_avg_fn
    average = torch.optim.swa_utils.AveragedModel(module.network, multi_avg_fn=averaging(recipe.trainer.ema_decay))
    trained = [p for p in module.parameters() if p.requires_grad]

    def step(batch: Any) -> int:
        optimizer.zero_grad()
        module.training_step(batch, 0).backward()
        torch.nn.utils.clip_grad_norm_(trained, recipe.trainer.clip_norm)
        optimizer.step()
        average.update_parameters(module.network)
        return len(batch[1])

    return loader, step


def _plain(recipe: Any, index: Any, samples: tuple[Sample, ...]) -> Any:
    import timm

    backbone = build_backbone(recipe.model.backbone)
    model = timm.create_model("tf_efficientnet_lite0", num_classes=len(index.classes))
    state = {k.removeprefix("model."): v for k, v in backbone.state_dict().items()}
    model.load_state_dict(state, strict=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    numbers = {c.id: n for n, c in enumerate(index.classes)}
    dataset = PlainImages(list(samples), numbers, (recipe.input.height, recipe.input.width))
    loader: Any = DataLoader(dataset, batch_size=recipe.trainer.batch_size, shuffle=True)
    model = model.train().to(memory_format=torch.channels_last)

    def step(batch: Any) -> int:
        optimizer.zero_grad()
        pixels = batch[0].contiguous(memory_format=torch.channels_last)
        loss: Any = torch.nn.functional.cross_entropy(model(pixels), batch[1])
        loss.backward()
        optimizer.step()
        return len(batch[1])

    return loader, step


def _speed(side: Any, batches: int) -> float:
    loader, step = side
    images, started = 0, time.perf_counter()
    for number, batch in enumerate(loader):
        images += step(batch)
        if number + 1 == batches:
            break
    return images / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
