"""/ and /problems: the model's card with a form to try it, and what a request can be refused for."""

from __future__ import annotations

from html import escape
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse

from serving.errors import ALL_PROBLEMS

router = APIRouter(include_in_schema=False)

_STATIC = Path(__file__).parent / "static"
_POLICY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@router.get("/")
async def home() -> FileResponse:
    """The page that shows the model and tries it on an image."""
    return FileResponse(_STATIC / "home.html", headers=_POLICY, media_type="text/html")


@router.get("/static/home.css")
async def style() -> FileResponse:
    """The pages' style."""
    return FileResponse(_STATIC / "home.css", headers=_POLICY, media_type="text/css")


@router.get("/static/home.js")
async def script() -> FileResponse:
    """The page's script."""
    return FileResponse(_STATIC / "home.js", headers=_POLICY, media_type="text/javascript")


@router.get("/problems")
async def problems() -> HTMLResponse:
    """Every kind of problem that a request can be answered with."""
    rows = "\n".join(
        f'<tr id="{p.slug}"><td>{p.status}</td><td><code>{p.slug}</code></td><td>{escape(p.title)}</td></tr>'
        for p in ALL_PROBLEMS
    )
    return HTMLResponse(_PROBLEMS.replace("<!-- rows -->", rows), headers=_POLICY)


_PROBLEMS = (_STATIC / "problems.html").read_text(encoding="utf-8")
