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
    port: Port = Field(8000, description="Port of the API and the probes; 0 takes a free one.")
    metrics_port: Port | None = Field(
        None, description="Serve /metrics on this port instead of the main one (one worker only). The chart sets 8001."
    )
    admin_host: str = Field("127.0.0.1", description="Address of the admin API; beyond loopback it needs keys.")
    admin_port: Port = Field(
        8002, description="Port of the admin API, which is there where a desired state is; 0 takes a free one."
    )
    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Processes under gunicorn, for bare hosts. On Kubernetes leave 1 and scale pods."
    )
    keys_file: Path | None = Field(
        None, description="YAML file of API keys by their sha256, read again when it changes; see `plimsoll keys new`."
    )
    allow_anonymous: bool = Field(default=False, description="Serve without keys on an address that others can reach.")
    stop_wait_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        0.0,
        description="After SIGTERM, keep answering for this long while unready, so that load balancers notice. "
        "The chart sets 5.",
    )
    stop_drain_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        20.0, description="After that, how long the requests in flight may take before they are cut off."
    )
    log_format: Literal["auto", "json", "human"] = Field(
        "auto", description="auto writes for people on a terminal and JSON lines elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level to log.")
    access_log_per_second: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        10,
        description="The most requests answered below 300 that are logged in a second; of each other status 100, or "
        "this where it is more.",
    )

    @field_validator("port", "metrics_port", "admin_port", mode="before")
    @classmethod
    def _no_service_link(cls, value: Any) -> Any:  # noqa: ANN401  # whatever the environment holds
        if isinstance(value, str) and value.startswith("tcp://"):
            raise ValueError(
                f"{value!r} is an address that Kubernetes injects for a Service named 'plimsoll' (service links), "
                "not a port; set `enableServiceLinks: false` in the pod, as the chart does, or rename the Service"
            )
        return value
