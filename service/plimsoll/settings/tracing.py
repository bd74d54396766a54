"""The settings of tracing, under the names that OpenTelemetry gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings

from plimsoll.settings.comma_lists import parts_of

_SENT_BY = "otlp"


class TracingSettings(BaseSettings):
    """The OTEL_* variables that the service reads.

    A wrong value is an error only if spans are sent, because platforms set these variables for every pod.
    """

    otel_disabled: bool = Field(
        default=False,
        validation_alias="OTEL_SDK_DISABLED",
        description="true turns tracing off, whatever the other variables say.",
    )
    otel_exporter: str = Field(
        _SENT_BY,
        validation_alias="OTEL_TRACES_EXPORTER",
        description="Exporter of spans. Only otlp is supported; any other value, such as none, turns tracing off.",
    )
    otel_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OTLP endpoint for traces. Tracing is off without it. The other OTEL_* variables work as usual.",
    )
    otel_traces_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        description="Full URL of the OTLP endpoint for traces. Overrides OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
    otel_protocol: Literal["http/protobuf", "grpc"] = Field(
        "http/protobuf",
        validation_alias="OTEL_EXPORTER_OTLP_PROTOCOL",
        description="Protocol in which spans are sent. grpc needs `pip install 'plimsoll[otlp-grpc]'`, which is "
        "not in the images.",
    )
    otel_traces_protocol: Literal["http/protobuf", "grpc"] | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        description="Overrides OTEL_EXPORTER_OTLP_PROTOCOL for traces.",
    )
    otel_propagators: str = Field(
        "tracecontext",
        validation_alias="OTEL_PROPAGATORS",
        description="Formats of trace headers, comma-separated. Formats that are not installed are ignored.",
    )
    otel_spans_per_export: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        512, validation_alias="OTEL_BSP_MAX_EXPORT_BATCH_SIZE", description="Most spans in one export."
    )
    otel_queue_spans: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        2048,
        validation_alias="OTEL_BSP_MAX_QUEUE_SIZE",
        description="Most spans that wait to be sent. More are dropped and counted.",
    )

    @field_validator("otel_disabled", mode="before")
    @classmethod
    def _only_true_disables(cls, value: Any) -> Any:  # noqa: ANN401  # whatever the environment holds
        return value.strip().lower() == "true" if isinstance(value, str) else value

    @field_validator("otel_protocol", "otel_traces_protocol", "otel_spans_per_export", "otel_queue_spans", mode="wrap")
    @classmethod
    def _matters_where_traced(cls, value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:  # noqa: ANN401  # as above
        try:
            return validate(value)
        except ValidationError:
            if _traced(info.data):
                raise
            return cls.model_fields[info.field_name or ""].default

    @model_validator(mode="after")
    def _endpoint_can_be_reached(self) -> Self:
        given = self.otel_traces_endpoint or self.otel_endpoint or ""
        if self.traced and self.traces_protocol != "grpc" and not re.match("https?://[^/]", given):
            name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" if self.otel_traces_endpoint else "OTEL_EXPORTER_OTLP_ENDPOINT"
            raise ValueError(f"{name}: expected http:// or https:// and a host (given: {given!r})")
        return self

    @property
    def traced(self) -> bool:
        """Whether traces have an endpoint and are not turned off."""
        return _traced(self.__dict__)

    @property
    def traces_protocol(self) -> Literal["http/protobuf", "grpc"]:
        """The protocol in which traces are sent."""
        return self.otel_traces_protocol or self.otel_protocol

    @property
    def tracing_off_because(self) -> str | None:
        """A sentence that says why no spans are sent although an endpoint is set."""
        endpoint = self.otel_traces_endpoint or self.otel_endpoint
        if endpoint is None or self.traced:
            return None
        cause = "OTEL_SDK_DISABLED is true" if self.otel_disabled else f"OTEL_TRACES_EXPORTER is {self.otel_exporter!r}"
        return f"no spans are sent to {endpoint}: {cause}"


def known_propagators(wanted: str) -> tuple[str, list[str]]:
    """The propagators of OTEL_PROPAGATORS that are installed, by commas, and the names of those that are not."""
    installed = {each.name for each in entry_points(group="opentelemetry_propagator")} | {"none"}
    names = parts_of(wanted)
    return ",".join(name for name in names if name in installed), [name for name in names if name not in installed]


def _traced(data: Mapping[str, Any]) -> bool:
    endpoint = data.get("otel_endpoint") or data.get("otel_traces_endpoint")
    sent = _SENT_BY in parts_of(data.get("otel_exporter", _SENT_BY))
    return bool(endpoint) and sent and not data.get("otel_disabled")
