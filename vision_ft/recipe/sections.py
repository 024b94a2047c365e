"""The sections of a recipe that every task has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from vision_ft.bundle.manifest import Region
from vision_ft.recipe.base import Section

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> Any:
    """`90`, `15m`, `1h30m` and Lightning's `DD:HH:MM:SS` in seconds."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        return sum(float(n) * _UNITS[u] for n, _, u in re.findall(r"(\d+(\.\d+)?)([smhd])", text))
    if re.fullmatch(r"\d+:\d+:\d+:\d+", text):
        return sum(float(n) * _UNITS[u] for n, u in zip(text.split(":"), "dhms", strict=True))
    try:
        return float(text)
    except ValueError:
        raise ValueError("a duration is written as seconds, or like 90s, 15m, 1h30m or 00:01:30:00") from None


_WRITTEN = r"^\s*((\d+(\.\d+)?[smhdSMHD])+|\d+:\d+:\d+:\d+|\d+(\.\d+)?)\s*$"
Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    Field(gt=0),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": _WRITTEN}]}),
]


class DataSection(Section):
    """Where the labelled images are."""

    root: Path | None = None
    """Folder of the images."""
    card: str | None = None
    """Data card: a name in `datasets/` or a path to a YAML file. None: class folders, or `csv`."""
    csv: Path | None = None
    """Table with the columns path, target and optionally part, group, split, mask; others are slices."""
    on_error: Literal["raise", "skip"] = "raise"
    """What to do with an image that cannot be read: stop, or leave it out and list it."""
    limit_per_class: int | None = Field(default=None, ge=2)
    """Use at most this many images a class in all, drawn by the seed."""
    one_class: str | None = None
    """Read every labelled object as of one class with this id: for a detector whose finds another model names."""
    masks: bool = True
    """Use the masks that the card or the table gives (as additional supervision)."""
    cache_mb: int = Field(default=2048, ge=0)
    """Memory that decoded images may occupy, in MiB."""


class SplitSection(Section):
    """What is held back. Groups never straddle a split."""

    test: float | Literal["auto"] = "auto"
    """Share of groups held back for the report; auto: 0.15, or none where a class has few parts
    (then every part is judged out of fold, and the shipped model learns from all; a task without folds
    is judged on its validation split, which flatters). Where good parts alone are learned from, auto is 0.15."""
    val: float = Field(default=0.15, gt=0.0, lt=0.5)
    """Share of groups for thresholds and temperature where no folds are used."""
    folds: int | Literal["auto"] = "auto"
    """Number of folds by group; 0: one validation split; auto: 3 where a class has few parts, else 0."""
    fold_share: float = Field(default=0.15, gt=0.0, le=1.0)
    """Budget of one fold model as a share of the whole training time (or epochs)."""
    given: Literal["keep", "ignore"] = "keep"
    """What to do with a split that the data have already (train/val/test folders, a column):
    keep it, or place every group anew, where it was made by image."""
    file: Path | None = None
    """Saved split to obey; None: one is made and saved in the run."""

    @field_validator("test")
    @classmethod
    def _test(cls, value: float | str) -> float | str:
        if isinstance(value, float) and not 0.0 <= value < 0.9:
            raise ValueError("a share between 0 and 0.9, or auto")
        return value

    @field_validator("folds")
    @classmethod
    def _folds(cls, value: int | str) -> int | str:
        if isinstance(value, int) and (value < 0 or value == 1 or value > 20):
            raise ValueError("0 for a validation split, or 2 to 20 folds, or auto")
        return value


class ModelSection(Section):
    """What is fine-tuned."""

    backbone: str = "auto"
    """Any timm name, torchvision/NAME, embedded, embedded/lite1, embedded/lite2; auto: the embedded one."""
    pretrained: bool = True
    """Start from pretrained weights; false trains from scratch, to show what fine-tuning gains."""
    weights: Path | None = None
    """Local weights file of the backbone."""


class InputSection(Section):
    """How an image becomes the model's input."""

    height: int = Field(default=224, ge=16, le=4096)
    """Pixels."""
    width: int = Field(default=224, ge=16, le=4096)
    """Pixels."""
    placement: Literal["stretch", "letterbox", "crop"] = "stretch"
    """Stretch to the size, fit inside it and pad, or fill it and cut the overhang off."""
    region: Region = Region()
    """Only this part of the image is looked at, in fractions of width and height."""
    window: tuple[float, float] | None = None
    """Intensities of 16-bit images that become black and white; None: the full range."""

    @field_validator("window")
    @classmethod
    def _window(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] >= value[1]:
            raise ValueError("the intensity of black, and the higher one of white")
        return value


class TileSection(Section):
    """Large images: train and answer on overlapping squares of their own pixels; one answer an image."""

    size: int = Field(ge=32, le=4096)
    """Side of a tile in pixels of the original image; the input's size, unless tiles are to be resized."""
    overlap: float = Field(default=0.2, ge=0.0, lt=0.9)
    """Share of a tile that the next one repeats: as large as the largest object, or nearly so."""


class TrainerSection(Section):
    """Schedule, optimiser and hardware."""

    max_epochs: int | None = Field(default=None, ge=1)
    """Epochs over the training images; None: what fits in `max_time`, or the task's default."""
    max_time: Duration | None = None
    """Wall-clock budget of the whole training, folds included (900, 15m, 1h30m). The schedule fits itself to it."""
    batch_size: int = Field(default=32, ge=1)
    """Images a step."""
    head_lr: float = Field(default=3e-4, gt=0)
    """Peak learning rate of the head; it starts from the probe."""
    backbone_lr: float = Field(default=2e-4, ge=0)
    """Peak learning rate of the backbone's last layers; 0 keeps the backbone frozen."""
    layer_decay: float = Field(default=0.8, gt=0, le=1)
    """Factor on the learning rate from each layer to the one before it."""
    freeze_layers: float = Field(default=0.0, ge=0, le=1)
    """Share of the backbone's layers, from the input on, that are not trained at all."""
    freeze_norm: bool = True
    """Keep the batch-norm statistics of the pretrained weights."""
    weight_decay: float = Field(default=0.02, ge=0)
    """AdamW's decoupled weight decay."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps with a rising learning rate."""
    head_warmup: float = Field(default=0.15, ge=0, lt=1)
    """Share of the steps in which the head alone is trained."""
    ema_decay: float = Field(default=0.99, ge=0, lt=1)
    """Decay of the averaged weights a step; 0 turns averaging off."""
    clip_norm: float = Field(default=1.0, ge=0)
    """Largest norm of the gradient; 0 turns clipping off."""
    patience: int = Field(default=0, ge=0)
    """Validated epochs without gain after which training stops; 0: never."""
    monitor: str = "objective"
    """What chooses the checkpoint and stops early: objective, or a validation metric such as macro_f1."""
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = "auto"
    """auto: bf16 on a GPU that has it, fp16 on another GPU, fp32 on a CPU."""
    channels_last: bool = True
    """Memory layout that convolutions like."""
    compile: bool = False
    """torch.compile the network."""
    workers: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """Processes that load images; auto: none where images are cached and cores are few."""
    accelerator: str = "auto"
    """Lightning's accelerator."""
    devices: int | str = 1
    """Lightning's devices; one of them."""
    strategy: str = "auto"
    """Lightning's strategy."""
    num_nodes: int = Field(default=1, ge=1)
    """Lightning's number of nodes."""
    find_lr: bool = False
    """Look for the head's learning rate first (Lightning's range test)."""
    find_batch_size: bool = False
    """Look for the largest batch size that fits first."""
    tensorboard: bool = True
    """Write TensorBoard events into the run."""
    mlflow: bool = False
    """Log to MLflow too (needs the mlflow extra)."""

    @model_validator(mode="after")
    def _shares(self) -> TrainerSection:
        if self.warmup + self.head_warmup >= 1:
            raise ValueError("warmup and head_warmup leave no steps for fine-tuning")
        return self


class ExportSection(Section):
    """What is written as a bundle."""

    name: str | None = None
    """Name of the model; None: the run's folder name."""
    parity_images: int = Field(default=64, ge=4)
    """Real images that the export is compared on, from raw bytes to verdict."""
    heatmap: bool = True
    """Give maps of what answers rest on (class activation, what is unusual), where the network allows exact ones."""
