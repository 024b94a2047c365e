"""From a torch graph to an ONNX file with a dynamic batch."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import torch
from torch import nn

from vision_ft.bundle.manifest import InputSpec

INPUT = "images"


def export_onnx(
    graph: nn.Module,
    outputs: tuple[str, ...],
    spec: InputSpec,
    path: Path,
    finish: Callable[[onnx.ModelProto], onnx.ModelProto] | None = None,
) -> None:
    """Write `graph` as ONNX: `images` uint8 [batch, H, W, 3] in, `outputs` with a dynamic batch out.

    `finish` makes of the exported model what is written.
    """
    example = torch.zeros((2, spec.height, spec.width, 3), dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=4096)
    with _quiet():
        program = torch.onnx.export(
            graph.eval(),
            (example,),
            dynamo=True,
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_shapes=({0: batch},),
            optimize=True,
            verbose=False,
        )
        assert program is not None
        if finish is None:
            program.save(str(path), external_data=False)
        else:
            onnx.save(finish(program.model_proto), str(path))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter narrates; what matters is judged by the parity gate afterwards."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
