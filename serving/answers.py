"""JSON responses, written once and not validated again: `schemas` and the tests hold their shape."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from starlette.types import Receive, Scope, Send

_PIECE = 768 * 1024  # bytes; a multiple of three, so that the texts of the pieces follow each other without padding
# Stands for a picture while the JSON around it is written. Nobody can guess it and send it as a part's name.
_MARK = secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Base64:
    """Bytes as base64, in pieces: neither its making nor its sending holds everybody else up."""

    pieces: tuple[bytes, ...]

    def __len__(self) -> int:
        """Characters."""
        return sum(map(len, self.pieces))


def base64_of(data: bytes) -> Base64:
    """The base64 of bytes. Belongs into a thread: other threads get their turn after each piece."""
    return Base64(tuple(b64encode(data[at : at + _PIECE]) for at in range(0, len(data), _PIECE)))


class PiecesResponse(Response):
    """A response that is sent piece by piece, so that it is never copied as a whole."""

    def __init__(self, pieces: Sequence[bytes], *, media_type: str, headers: dict[str, str] | None = None) -> None:
        self._pieces = pieces
        length = {"Content-Length": str(sum(map(len, pieces)))}
        super().__init__(headers={**length, **(headers or {})}, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def png_response(png: bytes, headers: dict[str, str]) -> Response:
    """A picture as the response."""
    pieces = [png[at : at + _PIECE] for at in range(0, len(png), _PIECE)]
    return PiecesResponse(pieces, media_type="image/png", headers=headers)


def json_response(body: dict[str, Any], status: int = 200) -> Response:
    """A JSON response; a `Base64` may stand anywhere in the body of one whose status is 200."""
    pictures: list[Base64] = []

    def mark(value: object) -> str:
        if not isinstance(value, Base64):
            raise TypeError(f"no JSON: {type(value).__name__}")
        pictures.append(value)
        return _MARK

    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=mark)
    if not pictures:
        return Response(text, status, media_type="application/json")
    first, *others = (part.encode() for part in text.split(_MARK))
    pieces = [first]
    for picture, other in zip(pictures, others, strict=True):
        pieces += [*picture.pieces, other]
    return PiecesResponse(pieces, media_type="application/json")
