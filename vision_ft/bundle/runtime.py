"""ONNX Runtime sessions: which provider runs the graph, on how many threads."""

from __future__ import annotations

import contextlib
import ctypes
import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import onnxruntime as ort

from vision_ft.bundle.threads import cpu_budget
from vision_ft.errors import BundleError, UsageError

# What is tried, best first. TensorRT is left out: it compiles for minutes at start-up.
_PREFERENCE = ("CUDAExecutionProvider", "CPUExecutionProvider")
_SHORT = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}


# By default CUDA rounds products to TF32's 10 bits: the same image would be judged differently on a CPU.
_OPTIONS: dict[str, dict[str, str]] = {"CUDAExecutionProvider": {"use_tf32": "0"}}


def choose_providers(device: str = "auto") -> list[str]:
    """Execution providers for `auto`, `cuda` or `cpu`, best first, the CPU always last.

    Raises `UsageError` for another word, or when CUDA is asked for and not there.
    """
    available = [p for p in ort.get_available_providers() if not p.startswith("CUDA") or has_driver()]
    if device == "auto":
        return [p for p in _PREFERENCE if p in available]
    if device not in _SHORT:
        raise UsageError(f"device {device!r}", expected="auto, cuda or cpu")
    if _SHORT[device] not in available:
        raise UsageError(
            f"device {device}",
            expected=f"{_SHORT[device]} in ONNX Runtime",
            got=", ".join(available),
            remedy="Install onnxruntime-gpu, or use --device cpu.",
        )
    return list(dict.fromkeys([_SHORT[device], "CPUExecutionProvider"]))


@lru_cache(maxsize=1)
def has_driver() -> bool:
    """Whether an NVIDIA driver is here: without one, asking for CUDA only fills the log with errors."""
    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        # CUDA and cuDNN come as Python packages (with torch, say), where the loader does not look by itself.
        with contextlib.redirect_stdout(io.StringIO()):
            ort.preload_dlls()
        return True
    return False


def open_session(model: Path, *, device: str = "auto", threads: int | None = None) -> ort.InferenceSession:
    """A session on a graph; `threads` is the number of CPU threads of one run (None: the budget).

    Raises `BundleError` when the graph cannot be loaded, `UsageError` when CUDA is asked for and cannot be had.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cpu_budget()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads answer a little sooner and take the cores from decoding; a service does both.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        providers = [(name, _OPTIONS.get(name, {})) for name in choose_providers(device)]
        session = ort.InferenceSession(str(model), options, providers=providers)
    except UsageError:
        raise
    except Exception as error:  # ONNX Runtime raises several unrelated types of its own
        raise BundleError(
            f"{model} cannot be loaded", got=str(error).splitlines()[0], remedy="Export the bundle anew."
        ) from error
    if device == "cuda" and active_provider(session) != "cuda":
        # ONNX Runtime goes on without a word on the CPU when a library of CUDA is missing.
        raise UsageError(
            "device cuda",
            expected="a GPU with the CUDA and cuDNN libraries that this ONNX Runtime needs",
            got="CUDA could not be started",
            remedy="Run `vision-ft doctor`, or use --device cpu.",
        )
    return session


def active_provider(session: ort.InferenceSession) -> str:
    """`cuda` or `cpu`: what the session really runs on."""
    providers: Sequence[str] = session.get_providers()
    return "cuda" if providers and providers[0].startswith("CUDA") else "cpu"
