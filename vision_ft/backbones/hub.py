"""Fetching pretrained weights without waiting long for a hub that does not answer."""

from __future__ import annotations

import errno
import pickle
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import huggingface_hub
import torch
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)

from vision_ft.backbones.origin import file_digest
from vision_ft.errors import BackboneError, HubUnavailableError

_PROBE_SECONDS = 5.0
_SILENCE_SECONDS = 30.0
_DISK = {errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.EDQUOT}
_LOCAL = {errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.EIO}
_READERS = {"torch.serialization", "safetensors.torch"}
_NETWORK_LIBRARIES = {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"}


@contextmanager
def fetching(name: str, *, hub: bool) -> Iterator[None]:
    """While pretrained weights of backbone `name` are fetched: foreign errors become ours.

    With `hub` (the Hugging Face hub), a hub that does not answer within seconds is not asked
    again and again: what its cache holds is still used. Raises `HubUnavailableError` where
    the weights cannot be fetched, `BackboneError` where the hub answers that it has none, or
    where what the cache holds is damaged.
    """
    patience = socket.getdefaulttimeout()
    offline = constants.HF_HUB_OFFLINE
    socket.setdefaulttimeout(_SILENCE_SECONDS)
    constants.HF_HUB_OFFLINE = offline or (hub and not _answers())
    try:
        yield
    except RepositoryNotFoundError as error:
        what = "asks for access rights to it" if isinstance(error, GatedRepoError) else "knows no such public model"
        raise BackboneError(
            f"Backbone {name} cannot be fetched: the hub {what}", remedy="Check the name, or log in to the hub."
        ) from error
    except RemoteEntryNotFoundError as error:
        raise BackboneError(
            f"Backbone {name} cannot be fetched: the hub has no timm model of this name", remedy="Check the name."
        ) from error
    except Exception as error:
        if is_damage(error) or _is_misfit(error):
            cache = constants.HF_HUB_CACHE if hub else Path(torch.hub.get_dir()) / "checkpoints"
            said = str(error).partition("\n")[0].split(". ")[0].strip(" .:")
            raise BackboneError(
                f"The pretrained weights of backbone {name} cannot be read from the cache {cache}",
                got=f"{type(error).__name__}{f' ({said})' if said else ''}",
                remedy="Delete the cached file, or give the weights by model.weights.",
            ) from error
        if isinstance(error, OSError) and error.errno in _DISK:
            raise BackboneError(
                f"The pretrained weights of backbone {name} cannot be stored",
                got=str(error),
                remedy="Make room for them.",
            ) from error
        if not _is_network(error):
            raise
        raise HubUnavailableError(
            f"The pretrained weights of backbone {name} cannot be fetched: no hub answers from here",
            remedy="Take the embedded backbone (`embedded`), give a local weights file, or train from scratch "
            "(`pretrained: false`).",
        ) from error
    finally:
        socket.setdefaulttimeout(patience)
        constants.HF_HUB_OFFLINE = offline


def _answers() -> bool:
    """Whether the hub answers at all, by the same client, proxies and certificates that fetch from it."""
    try:
        huggingface_hub.get_session().head(constants.ENDPOINT, timeout=_PROBE_SECONDS)
    except Exception as error:
        if not _is_network(error):
            raise
        return False
    return True


def _is_network(error: BaseException) -> bool:
    return isinstance(error, OSError | HfHubHTTPError) or type(error).__module__.partition(".")[0] in _NETWORK_LIBRARIES


def is_damage(error: BaseException) -> bool:
    """Whether an error arose because a file of weights, once it was there, could not be read."""
    # On damaged bytes the unpickler fails in every way there is, so the place tells more than the type.
    frames = traceback.walk_tb(error.__traceback__)
    return (
        isinstance(error, pickle.UnpicklingError | EOFError)
        or (isinstance(error, OSError) and error.errno in _LOCAL)
        or any(frame.f_globals.get("__name__") in _READERS for frame, _ in frames)
        or (error.__cause__ is not None and is_damage(error.__cause__))
    )


def _is_misfit(error: BaseException) -> bool:
    """Whether a file was read, and its tensors are not those of the network."""
    last = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][-1:]
    return any(frame.f_code.co_name == "load_state_dict" for frame in last)


def hub_file_digest(repository: str, filenames: tuple[str, ...]) -> str:
    """SHA-256 of the first of these files that the hub's cache holds; "" where it holds none."""
    for filename in filenames:
        path = huggingface_hub.try_to_load_from_cache(repository, filename)
        if isinstance(path, str):
            return file_digest(Path(path))
    return ""


def url_file_digest(url: str) -> str:
    """SHA-256 of the file that PyTorch's hub fetched from `url`; "" where it is not in its cache."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name
    return file_digest(path) if path.is_file() else ""
