"""Content types: what a body is, and what a client accepts."""

from __future__ import annotations

from serving.errors import UnsupportedMediaTypeError

FORM = "multipart/form-data"
PNG = "image/png"


def is_form(content_type: str) -> bool:
    """Whether a body is a multipart form; False for a bare image.

    Raises `UnsupportedMediaTypeError` for anything else. A missing type is taken for a bare image.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == FORM:
        return True
    if kind in ("", "application/octet-stream", "binary/octet-stream") or kind.startswith("image/"):
        return False
    raise UnsupportedMediaTypeError(
        "The content type is not an image's",
        expected=f"image/*, application/octet-stream or {FORM}",
        got=kind[:60],
        remedy="Set the Content-Type header, such as Content-Type: image/jpeg.",
    )


def wants_png(accept: str) -> bool:
    """Whether a client would rather have a PNG than JSON, by its `Accept` header.

    A wildcard that covers JSON means JSON: who takes anything, as browsers do beside a list
    of pictures, has not asked for a picture.
    """
    accept = accept.lower()
    if PNG not in accept:
        return False
    quality: dict[str, float] = {}
    for entry in accept.split(","):
        kind, *parameters = (part.strip() for part in entry.split(";"))
        quality[kind] = next((_number(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
    json = quality.get("application/json")
    if json is None:
        if max(quality.get("application/*", 0.0), quality.get("*/*", 0.0)) > 0:
            return False
        json = 0.0
    return quality.get(PNG, 0.0) > json


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
