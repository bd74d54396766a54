"""The settings of tracing, under the names that OpenTelemetry gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class TracingSettings(BaseSettings):
    """Where spans go, and how many may wait."""

    otel_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OTLP endpoint for traces; tracing is off without it. The other OTEL_* variables hold as usual.",
    )
    otel_protocol: Literal["http/protobuf", "grpc"] = Field(
        "http/protobuf",
        validation_alias="OTEL_EXPORTER_OTLP_PROTOCOL",
        description="How spans are sent. grpc needs `pip install 'plimsoll[grpc]'`, which the images do not have.",
    )
    otel_traces_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        description="The same for traces alone, with its whole path; goes before it.",
    )
    otel_traces_protocol: Literal["http/protobuf", "grpc"] | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        description="The same for traces alone; goes before it.",
    )
    otel_disabled: bool = Field(
        default=False, validation_alias="OTEL_SDK_DISABLED", description="No tracing, whatever else is set."
    )
    otel_spans_per_export: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        512, validation_alias="OTEL_BSP_MAX_EXPORT_BATCH_SIZE", description="The most spans that are sent at once."
    )
    otel_queue_spans: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        2048,
        validation_alias="OTEL_BSP_MAX_QUEUE_SIZE",
        description="The most spans that wait to be sent; further ones are dropped and counted.",
    )

    @property
    def traced(self) -> bool:
        """Whether an endpoint is there for traces, and they are wanted."""
        return bool(self.otel_endpoint or self.otel_traces_endpoint) and not self.otel_disabled
