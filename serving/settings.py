"""Settings of the service: one closed tree, from defaults, a YAML file, the environment and flags."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    CliPositionalArg,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

ENV_PREFIX = "VISION_FT_"
MEGABYTE = 1_000_000
DAY_S = 86_400.0
"""Longest time that a setting can state, in seconds: clocks take no number of any size."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class Batching(_Section):
    """How waiting images become batches."""

    max_images: int | None = Field(default=None, ge=1, le=1024)
    """Most images in one run of the graph. Without a value: 4 on a CPU, 32 on a GPU. Of a bundle with tiles or two
    stages also the most tiles or crops; without a value 8 of them on a CPU."""
    max_wait_ms: float | None = Field(default=None, ge=0.0, le=1000.0)
    """Longest wait for images that are still being decoded; a lone image never waits. Without a value: 0 on a CPU,
    2 on a GPU."""
    queue: int = Field(default=256, ge=1)
    """Most images in the service at once; further ones are refused with 503 and Retry-After."""
    decode_threads: int | None = Field(default=None, ge=1, le=64)
    """Threads that decode images. Without a value: the thread budget."""


class Limits(_Section):
    """What a request may ask for."""

    max_body_mb: float = Field(default=32.0, gt=0.0)
    """Largest encoded image, in megabytes (1,000,000 bytes)."""
    max_megapixels: float = Field(default=50.0, gt=0.0)
    """Largest decoded image, in millions of pixels."""
    max_heatmap_megapixels: float = Field(default=16.0, gt=0.0)
    """Largest image on which a heatmap is drawn, in millions of pixels."""
    max_request_heatmap_megapixels: float = Field(default=32.0, gt=0.0)
    """Most pixels under all heatmaps of one request together, in millions."""
    max_batch_images: int = Field(default=64, ge=1)
    """Most images in one request to /v1/predict/batch."""
    max_batch_body_mb: float = Field(default=128.0, gt=0.0)
    """Largest body of one request to /v1/predict/batch, in megabytes."""
    max_pending_mb: float = Field(default=512.0, gt=0.0)
    """Most bytes of request bodies and answered pictures held at once, in megabytes; further requests are refused
    with 503."""
    max_decoded_mb: float = Field(default=512.0, gt=0.0)
    """Most bytes of decoded images that wait for the graph, in megabytes, of bundles with tiles or two stages, which
    need an image's own pixels; further images are decoded later."""
    read_timeout_s: float = Field(default=30.0, gt=0.0, le=DAY_S)
    """Longest time in which a request's body must arrive, in seconds."""


class Settings(BaseSettings):
    """Serve a bundle over HTTP.

    Later sources win: defaults, the YAML file, the environment (VISION_FT_PORT=8080,
    VISION_FT_LIMITS__MAX_BODY_MB=64), flags (--port 8080, --limits.max_body_mb 64).
    Unknown keys are errors.
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
        cli_avoid_json=True,
        cli_exit_on_error=False,
        cli_prog_name="vision-ft serve",
    )

    bundle: CliPositionalArg[Path | None] = None
    """Folder of the bundle to serve."""
    config: Path | None = None
    """YAML file with settings."""
    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen at; 0.0.0.0 for every network of this machine."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen at; 0 for any free one."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the graph runs; auto takes a GPU where there is one."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """CPU threads of one run of the graph. Without a value: what this process may use."""
    root_path: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*$")
    """Path prefix under which a proxy offers the service, such as /vision; empty for none."""
    deadline_s: float = Field(default=10.0, gt=0.0, le=DAY_S)
    """Longest time from a request's last byte to its answer, in seconds; then it is answered with 504."""
    drain_delay_s: float = Field(default=1.0, ge=0.0, le=DAY_S)
    """Time that a service still answers after it was told to stop, in seconds, while /readyz says 503.
    A second signal ends it."""
    drain_s: float = Field(default=30.0, gt=0.0, le=DAY_S)
    """Longest time that a stopping service then waits for its open requests, in seconds."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged: debug names every request, info the refused and failed ones."""
    batching: Batching = Batching()
    limits: Limits = Limits()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before the environment before the YAML file; flags come before all of them."""
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        file = init_settings().get("config") or env_settings().get("config")
        return (*sources, YamlConfigSettingsSource(settings_cls, yaml_file=file)) if file else sources
