"""Prometheus metrics of one app, in a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from serving.errors import ALL_PROBLEMS
from vision_ft.bundle import Decision, Prediction, Predictor
from vision_ft.bundle.classes import object_classes

# Fine towards one, where a well-trained model's answers lie and where drift shows first.
_CONFIDENCE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128)
STAGES = ("read", "decode", "queue", "infer", "assemble", "heatmap", "total")
NO_NUMBER = "no-number"
"""Label of the images on which the model gave no number."""


class ServiceMetrics:
    """Counts, distributions and gauges of one service. Written from the event loop's thread alone."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._predictions = Counter(
            "vision_ft_predictions",
            "Answered images, by class that the answer names and decision.",
            ("label", "decision"),
            registry=self.registry,
        )
        self._confidence = Histogram(
            "vision_ft_confidence",
            "Best score of each class that an answer names.",
            ("label",),
            buckets=_CONFIDENCE,
            registry=self.registry,
        )
        self._objects = Counter(
            "vision_ft_objects", "Things that were found on images, by class.", ("label",), registry=self.registry
        )
        self._stages = Histogram(
            "vision_ft_stage_seconds",
            "Time that an answered image spent, by stage.",
            ("stage",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batches = Histogram(
            "vision_ft_batch_size", "Images in one run of the graph.", buckets=_BATCH, registry=self.registry
        )
        self._rejected = Counter(
            "vision_ft_rejected",
            "Requests and images answered with a problem, by kind.",
            ("reason",),
            registry=self.registry,
        )
        self._requests = Counter(
            "vision_ft_requests",
            "Answered requests, by address and status.",
            ("route", "status"),
            registry=self.registry,
        )
        self._in_flight = Gauge(
            "vision_ft_requests_in_flight", "Requests that are being answered.", registry=self.registry
        )
        self._depth = Gauge(
            "vision_ft_queue_depth", "Images inside, waiting or being worked on.", registry=self.registry
        )
        self._drawings = Gauge("vision_ft_drawings", "Heatmaps waiting or being drawn.", registry=self.registry)
        self._pending = Gauge(
            "vision_ft_pending_body_bytes",
            "Bytes of request bodies, and of pictures in answers, held in memory.",
            registry=self.registry,
        )
        self._info = Gauge(
            "vision_ft_model_info",
            "One for the model that answers.",
            ("name", "version", "task", "device", "digest", "backbone"),
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        for problem in ALL_PROBLEMS:
            self._rejected.labels(problem.slug)
        self._stage = {stage: self._stages.labels(stage) for stage in STAGES}

    def describe_model(self, predictor: Predictor) -> None:
        """State which model answers, and start its classes' series at zero, so that rates have a beginning."""
        manifest, stage = predictor.manifest, predictor.stage
        self._info.labels(
            manifest.name, manifest.version, stage.task, predictor.device, manifest.digest, stage.weights.backbone
        ).set(1)
        self._predictions.labels(NO_NUMBER, str(Decision.REVIEW))
        for info in manifest.classes:
            self._confidence.labels(info.id)
            for decision in Decision:
                self._predictions.labels(info.id, str(decision))
        if predictor.lists_objects:
            for info in object_classes(manifest.classes):
                self._objects.labels(info.id)

    def watch(self, depth: Callable[[], float], drawings: Callable[[], float], pending: Callable[[], float]) -> None:
        """Read the queue's depth (images), the heatmaps inside and the bodies held (bytes) from these when asked."""
        self._depth.set_function(depth)
        self._drawings.set_function(drawings)
        self._pending.set_function(pending)

    @contextmanager
    def open_request(self) -> Iterator[None]:
        """Count a request as in flight."""
        self._in_flight.inc()
        try:
            yield
        finally:
            self._in_flight.dec()

    def count_prediction(self, prediction: Prediction, seconds: dict[str, float]) -> None:
        """Count one answered image; `seconds` holds the time of each stage that it went through.

        It counts once under each class that it names: one on which two classes were found counts under both.
        """
        decision = str(prediction.decision)
        for label, score in prediction.scores().items():
            self._predictions.labels(label, decision).inc()
            self._confidence.labels(label).observe(score)
        for one in prediction.found():
            self._objects.labels(one.label).inc()
        self._count_stages(seconds)

    def count_no_number(self, prediction: Prediction, seconds: dict[str, float]) -> None:
        """Count one answered image on which the model gave no number: it is of no class and has no confidence."""
        self._predictions.labels(NO_NUMBER, str(prediction.decision)).inc()
        self._count_stages(seconds)

    def _count_stages(self, seconds: dict[str, float]) -> None:
        for stage, time in seconds.items():
            self._stage[stage].observe(time)

    def count_batch(self, images: int) -> None:
        """Count one run of the graph."""
        self._batches.observe(images)

    def count_rejected(self, reason: str) -> None:
        """Count one request or image that was answered with a problem."""
        self._rejected.labels(reason).inc()

    def count_request(self, route: str, status: int) -> None:
        """Count one answered request."""
        self._requests.labels(route, str(status)).inc()

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
