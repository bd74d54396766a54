"""Traces by OpenTelemetry, from the standard OTEL_* variables."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable
from typing import Literal

from fastapi import FastAPI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.resources import SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from starlette.types import ASGIApp

from plimsoll.errors import OperatorError
from plimsoll.telemetry.batch_spans import TracedBatches
from plimsoll.telemetry.rpc_spans import RpcSpans
from plimsoll.telemetry.server_spans import AskedIds, PredictSpans, current_trace_id, hide_query
from plimsoll.telemetry.span_export import CountedExport, CountSpans, SpanQueue

Protocol = Literal["http/protobuf", "grpc"]
_LAST_SPANS_SECONDS = 3.0


class Tracing:
    """Sends the spans of requests to an OTLP endpoint.

    It has its own provider instead of the global one, so that no library adds a second span. Build it after a fork,
    because the thread that sends does not survive one.

    Raises:
        OperatorError: the protocol is gRPC without the package for it, or OpenTelemetry refuses a variable.
    """

    def __init__(self, version: str, protocol: Protocol, queue: SpanQueue, count: CountSpans) -> None:
        self._ids = AskedIds()
        try:
            self._provider = TracerProvider(
                resource=Resource.create({SERVICE_VERSION: version}), id_generator=self._ids
            )
        except ValueError as error:
            raise OperatorError(f"tracing cannot be set up: {error}") from None
        self._provider.add_span_processor(CountedExport(_exporter(protocol), queue, count))
        tracer = self._provider.get_tracer("plimsoll", version)
        self.batches, self.calls = TracedBatches(tracer), RpcSpans(tracer)
        self.current_trace_id = current_trace_id

    def instrument(self, app: FastAPI, never: Iterable[str]) -> None:
        """Trace the requests of `app`, except those to the paths in `never`."""
        FastAPIInstrumentor.instrument_app(
            app,
            tracer_provider=self._provider,
            excluded_urls=",".join(rf"^https?://[^/]+{path}$" for path in never),
            exclude_spans=["receive", "send"],
            server_request_hook=hide_query,
        )

    def around_predict(self, predict: ASGIApp) -> ASGIApp:
        """Return `predict` with tracing around it, because predict requests bypass the application's middleware."""
        return PredictSpans(predict, self._provider, self._ids)

    def close(self) -> None:
        """Send the buffered spans; give up after three seconds, so a collector that hangs does not delay the exit."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_LAST_SPANS_SECONDS)


def _exporter(protocol: Protocol) -> SpanExporter:
    if protocol == "http/protobuf":
        return OTLPSpanExporter()
    try:
        module = importlib.import_module("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
    except ModuleNotFoundError:
        raise OperatorError(
            "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and the package for it is not installed: "
            "pip install 'plimsoll[otlp-grpc]', or leave it at http/protobuf (port 4318)"
        ) from None
    exporter: SpanExporter = module.OTLPSpanExporter()
    return exporter
