"""Traces by OpenTelemetry, from the standard OTEL_* variables."""

from __future__ import annotations

from fastapi import FastAPI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.resources import SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

_NEVER_TRACED = "livez,readyz,startupz,metrics"


class Tracing:
    """Sends one server span per request to the OTLP endpoint that the OTEL_* variables name.

    Its own provider, not the global one: the application decides alone who traces, so no library adds a second span.
    """

    def __init__(self, version: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({SERVICE_VERSION: version}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

    def instrument(self, app: FastAPI) -> None:
        """Trace the requests of `app`; probes and scrapes are left out."""
        FastAPIInstrumentor.instrument_app(
            app, tracer_provider=self._provider, excluded_urls=_NEVER_TRACED, exclude_spans=["receive", "send"]
        )

    def close(self) -> None:
        """Send what is still buffered; gives up after the exporter's own time-out."""
        self._provider.shutdown()
