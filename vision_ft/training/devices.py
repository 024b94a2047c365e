"""What the machine offers: accelerator, precision, loader processes; and how much of its memory was used."""

from __future__ import annotations

import resource
import sys

import torch

from vision_ft.bundle.threads import cpu_budget
from vision_ft.recipe.sections import TrainerSection


def choose_precision(section: TrainerSection) -> str:
    """Lightning's precision: bf16 on a GPU that has it, fp16 on another GPU, fp32 on a CPU."""
    if section.precision != "auto":
        return section.precision
    if section.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    return "32-true"


def choose_workers(section: TrainerSection) -> int:
    """Loader processes: none on a CPU, where training takes all cores; beside a GPU all but two cores."""
    if section.workers != "auto":
        return int(section.workers)
    if torch.cuda.is_available() and section.accelerator != "cpu":
        return max(0, min(8, cpu_budget() - 2))
    return 0


def training_device(section: TrainerSection) -> torch.device:
    """Where work before the Lightning trainer runs (the linear probe, the timing)."""
    if section.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


def use_cpu_budget() -> None:
    """Let torch use the cores that this process may use, and no more."""
    torch.set_num_threads(cpu_budget())


def peak_memory() -> float:
    """Most memory that this process has held at once, in GB (1e9 bytes), the GPU's apart."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def peak_gpu_memory() -> float:
    """Most of the GPU's memory that tensors have held at once, in GB; 0 without a GPU."""
    return torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0
