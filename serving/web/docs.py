"""/docs: the API's description as a page, without loading anything from elsewhere where it can."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_ASSETS = "fastapi_offline"
_AT = "/docs/assets"


def local_assets() -> Path | None:
    """Folder of Swagger UI's files, where the package that brings them is installed."""
    if find_spec(_ASSETS) is None:
        return None
    return Path(str(resources.files(_ASSETS))) / "static"


def install(app: FastAPI) -> None:
    """Add /docs to an app. Without the local files, the page loads them from a public address."""
    folder = local_assets()
    if folder is not None:
        app.mount(_AT, StaticFiles(directory=folder), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "").rstrip("/")
        files: dict[str, Any] = {}
        if folder is not None:
            files = {
                "swagger_js_url": f"{root}{_AT}/swagger-ui-bundle.js",
                "swagger_css_url": f"{root}{_AT}/swagger-ui.css",
                "swagger_favicon_url": f"{root}{_AT}/favicon.png",
            }
        return get_swagger_ui_html(openapi_url=f"{root}{app.openapi_url}", title=f"{app.title} API", **files)
