"""The application: `create_app(settings)` builds it, its lifespan loads and releases the bundle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import vision_ft
from serving import errors, openapi
from serving.context import RequestContext
from serving.monitoring.metrics import ServiceMetrics
from serving.routes import batch, health, metrics, model, predict
from serving.service import Service, open_predictor
from serving.settings import Settings
from serving.web import docs, pages
from vision_ft.bundle import Predictor


def create_app(settings: Settings, predictor: Predictor | None = None) -> FastAPI:
    """The service as an ASGI application.

    `predictor` is the loaded bundle, where the caller has it already from `open_predictor`;
    else the lifespan loads the bundle that the settings name, and raises `UsageError` or
    `BundleError` where it cannot.
    """
    registry = ServiceMetrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loaded = predictor if predictor is not None else await asyncio.to_thread(open_predictor, settings)
        service = Service(settings, registry, loaded)
        await service.engine.start()
        app.state.service = service
        try:
            yield
        finally:
            await service.engine.close(settings.drain_s)

    app = FastAPI(
        title="vision-ft",
        version=vision_ft.__version__,
        summary="Verdicts on images from a fine-tuned model.",
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(RequestContext, metrics=registry, root_path=settings.root_path)
    errors.install(app)
    for router in (predict.router, batch.router, model.router, health.router, metrics.router, pages.router):
        app.include_router(router)
    openapi.install(app)
    docs.install(app)
    return app
