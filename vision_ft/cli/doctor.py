"""`vision-ft doctor`: what this machine has, and what is missing."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from vision_ft import __version__
from vision_ft.cli.console import console, table
from vision_ft.cli.parsing import Parser

_LIBRARIES = {
    "train": (
        "torch",
        "torchvision",
        "timm",
        "lightning",
        "albumentations",
        "onnx",
        "onnxscript",
        "pyarrow",
        "scikit-learn",
        "scipy",
        "matplotlib",
        "tensorboard",
    ),
    "serve": ("fastapi", "uvicorn", "prometheus-client", "python-multipart"),
    "both": ("numpy", "opencv-python", "pillow", "pydantic", "pydantic-settings"),
}
_RUNTIMES = ("onnxruntime-gpu", "onnxruntime")


def run(argv: Sequence[str]) -> int:
    """Print what is there; exit code 1 where nothing could be trained and nothing served."""
    Parser(prog="vision-ft doctor", description=__doc__).parse(argv)
    out = console()
    from vision_ft.bundle.threads import cpu_budget

    machine = table("Machine", "", "")
    machine.columns[1].justify = "left"
    machine.show_header = False
    machine.add_row("vision-ft", __version__)
    machine.add_row("python", platform.python_version())
    machine.add_row("system", platform.platform())
    machine.add_row("cores that may be used", str(cpu_budget()))
    machine.add_row("free disk here", f"{shutil.disk_usage('.').free / 2**30:.0f} GiB")
    machine.add_row("GPU", _gpu())
    machine.add_row("ONNX Runtime providers", _providers())
    out.print(machine, "")
    missing: dict[str, list[str]] = {"train": [], "serve": [], "both": []}
    libraries = table("Libraries", "library", "version", "needed for")
    for purpose, names in _LIBRARIES.items():
        for name in names:
            found = _version(name)
            libraries.add_row(name, found or "missing", purpose)
            if found is None:
                missing[purpose].append(name)
    runtimes = [f"{name} {_version(name)}" for name in _RUNTIMES if _version(name)]
    libraries.add_row("ONNX Runtime", ", ".join(runtimes) or "missing", "both")
    out.print(libraries, "")
    if not runtimes:
        missing["both"].append("onnxruntime-gpu or onnxruntime")
    if len(runtimes) > 1:
        out.print("! onnxruntime and onnxruntime-gpu are both installed and overwrite each other: remove one.")
    if _version("opencv-python-headless"):
        out.print("! opencv-python-headless overwrites opencv-python: remove it and reinstall opencv-python.")
    for purpose in ("train", "serve"):
        lack = missing[purpose] + missing["both"]
        verdict = f"cannot: install {', '.join(lack)}" if lack else "can"
        out.print(f"{'training' if purpose == 'train' else 'serving'}: {verdict}")
    return 1 if all(missing[p] or missing["both"] for p in ("train", "serve")) else 0


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _gpu() -> str:
    if importlib.util.find_spec("torch") is None:
        return "unknown without torch"
    import torch

    if not torch.cuda.is_available():
        return "none that torch can use: training runs on the CPU"
    return ", ".join(torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count()))


def _providers() -> str:
    if importlib.util.find_spec("onnxruntime") is None:
        return "ONNX Runtime is missing"
    import onnxruntime

    return ", ".join(onnxruntime.get_available_providers())
