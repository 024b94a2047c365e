"""JSON responses, written once and not validated again: `schemas` and the tests hold their shape."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Response


def json_response(body: dict[str, Any], status: int = 200) -> Response:
    """A JSON response."""
    return Response(
        json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False),
        status,
        media_type="application/json",
    )
