"""The settings of the process: where it listens, who may ask, how it stops and what it logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

Port = Annotated[int, Field(ge=0, le=65535)]


class ProcessSettings(BaseSettings):
    """Addresses, workers, keys, shutdown and logs."""

    host: str = Field("127.0.0.1", description="Address to listen on. The image sets 0.0.0.0.")
    port: Port = Field(8000, description="Port of the API and the probes. 0 chooses a free port.")
    metrics_port: Port | None = Field(
        None, description="Serve /metrics on this port instead of the main one (one worker only). The chart sets 8001."
    )
    admin_host: str = Field(
        "127.0.0.1", description="Address of the admin API. An address other than loopback needs keys."
    )
    admin_port: Port = Field(
        8002, description="Port of the admin API, which runs when a desired state is configured. 0 chooses a free port."
    )
    grpc_port: Port | None = Field(
        None,
        description="Serve the Open Inference Protocol over gRPC on this port too, at the address of the main one (one "
        "worker only; needs the extra `grpc`). 0 chooses a free port.",
    )
    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        1,
        description="Number of worker processes (gunicorn), for hosts without Kubernetes. On Kubernetes "
        "keep 1 and scale pods.",
    )
    keys_file: Path | None = Field(
        None,
        description="YAML file with the sha256 of each API key. Changes are applied while the server "
        "runs. See `plimsoll keys new`.",
    )
    allow_anonymous: bool = Field(
        default=False, description="Allow requests without keys on an address that other machines can reach."
    )
    stop_wait_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        0.0,
        description="How long to keep answering after SIGTERM while not ready, so that load balancers "
        "notice. The chart sets 5.",
    )
    stop_drain_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        20.0, description="How long requests in flight may take after that before they are aborted."
    )
    log_format: Literal["auto", "json", "human"] = Field(
        "auto", description="auto, json or human. auto writes readable text on a terminal and JSON lines elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level to log: debug, info, warning or error."
    )
    access_log_per_second: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        10,
        description="Most successful requests (status below 300) logged per second. Of each other status 100 "
        "are logged, or this number if it is higher.",
    )

    @field_validator("port", "metrics_port", "admin_port", "grpc_port", mode="before")
    @classmethod
    def _no_service_link(cls, value: Any) -> Any:  # noqa: ANN401  # whatever the environment holds
        if isinstance(value, str) and value.startswith("tcp://"):
            raise ValueError(
                f"{value!r} is an address that Kubernetes injects for a Service named 'plimsoll' (service links), "
                "not a port; set `enableServiceLinks: false` in the pod, as the chart does, or rename the Service"
            )
        return value
