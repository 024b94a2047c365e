"""What the routes share: one bundle, its engine and metrics, under one set of settings."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request

from serving.body import BodyBudget
from serving.engine.engine import Engine
from serving.engine.warm_up import warm_up
from serving.monitoring.metrics import ServiceMetrics
from serving.settings import MEGABYTE, Settings
from vision_ft.bundle import Predictor, load
from vision_ft.errors import UsageError


class Service:
    """A loaded bundle that answers. Built by the app's lifespan, closed by it."""

    def __init__(self, settings: Settings, metrics: ServiceMetrics, predictor: Predictor) -> None:
        self.settings = settings
        self.metrics = metrics
        self.predictor = predictor
        self.bodies = BodyBudget(int(settings.limits.max_pending_mb * MEGABYTE))
        self.engine = Engine(predictor, settings, metrics.count_batch)
        metrics.describe_model(predictor)
        metrics.watch(lambda: self.engine.depth, lambda: self.engine.drawer.depth, lambda: self.bodies.held)


def open_predictor(settings: Settings) -> Predictor:
    """Load the bundle that the settings name, and run its graph until it is warm.

    Raises `UsageError` where they name none, `BundleError` where it is no intact bundle or does not answer.
    """
    if settings.bundle is None:
        raise UsageError(
            "no bundle is named",
            expected="the folder that `vision-ft train` or `vision-ft export` wrote",
            remedy="Say vision-ft serve BUNDLE, or set VISION_FT_BUNDLE.",
        )
    predictor = load(Path(settings.bundle), device=settings.device, threads=settings.threads)
    warm_up(predictor, settings)
    return predictor


def service_of(request: Request) -> Service:
    """The service behind a request."""
    service: Service = request.app.state.service
    return service
