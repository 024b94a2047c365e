"""Sessions: providers, threads, and graphs that cannot be loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort
import pytest

from vision_ft.bundle import runtime
from vision_ft.bundle.runtime import active_provider, choose_providers, open_session
from vision_ft.errors import BundleError, UsageError

MakeBundle = Callable[..., Path]


def only(monkeypatch: pytest.MonkeyPatch, *names: str, driver: bool = True) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: list(names))
    monkeypatch.setattr(runtime, "has_driver", lambda: driver)


def test_the_best_provider_comes_first_and_the_cpu_last(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
    assert choose_providers() == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert choose_providers("cuda") == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert choose_providers("cpu") == ["CPUExecutionProvider"]


def test_without_a_driver_cuda_is_not_even_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "CUDAExecutionProvider", "CPUExecutionProvider", driver=False)
    assert choose_providers("auto") == ["CPUExecutionProvider"]
    with pytest.raises(UsageError, match=r"device cuda: expected CUDAExecutionProvider"):
        choose_providers("cuda")


def test_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "CPUExecutionProvider")
    assert choose_providers("auto") == ["CPUExecutionProvider"]
    with pytest.raises(UsageError, match=r"device cuda: expected CUDAExecutionProvider.*--device cpu"):
        choose_providers("cuda")


def test_another_device_is_refused() -> None:
    with pytest.raises(UsageError, match="device 'tpu': expected auto, cuda or cpu"):
        choose_providers("tpu")


def test_a_session_on_the_cpu(make_bundle: MakeBundle) -> None:
    session = open_session(make_bundle() / "model.onnx", device="cpu", threads=1)
    assert active_provider(session) == "cpu"
    assert session.get_session_options().intra_op_num_threads == 1


def test_the_budget_is_the_default(make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_FT_THREADS", "3")
    session = open_session(make_bundle() / "model.onnx", device="cpu")
    assert session.get_session_options().intra_op_num_threads == 3


@pytest.mark.parametrize("content", [b"", b"no graph at all"])
def test_what_is_no_graph_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.onnx cannot be loaded") as caught:
        open_session(tmp_path / "model.onnx", device="cpu", threads=1)
    assert "\n" not in str(caught.value)


def test_a_bad_device_stays_a_usage_error(make_bundle: MakeBundle) -> None:
    with pytest.raises(UsageError):
        open_session(make_bundle() / "model.onnx", device="tpu", threads=1)


def test_cuda_that_cannot_be_started_is_no_cpu(make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    # As where the driver is there and cuDNN is not: ONNX Runtime goes on without CUDA.
    monkeypatch.setattr(runtime, "choose_providers", lambda _: ["CPUExecutionProvider"])
    with pytest.raises(UsageError, match="could not be started"):
        open_session(make_bundle() / "model.onnx", device="cuda")
