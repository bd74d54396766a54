from __future__ import annotations

import gzip

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from plimsoll.api.front_routes import FrontRoutes
from plimsoll.api.request_scope import PROBES
from plimsoll.errors import OperatorError
from plimsoll.telemetry.span_export import SpanQueue
from plimsoll.telemetry.tracing import Tracing
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from tests.doubles.servers import CannedServer

PREDICT = "/v1/models/{name}/predict"


async def current_trace() -> str:
    """The route that all of these tests ask."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)


def spans_of(exported: ExportTraceServiceRequest) -> list[tuple[str, str]]:
    """Name and trace of every span."""
    scopes = [scope for resource in exported.resource_spans for scope in resource.scope_spans]
    return [(span.name, span.trace_id.hex()) for scope in scopes for span in scope.spans]


async def answer_current_trace(scope: Scope, receive: Receive, send: Send) -> None:
    """The same as an application of its own, in the place of the hot handler."""
    await JSONResponse(await current_trace())(scope, receive, send)


class Traced:
    """An application whose spans a collector on this machine received; `replies` holds what it answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.replies: list[str] = []
        self.counted: list[tuple[str, int]] = []

    async def get(self, *paths: str, **headers: str) -> list[ExportTraceServiceRequest]:
        """What the collector was sent about these requests."""
        collector = CannedServer(content_type="application/x-protobuf", body=b"")
        with collector.running() as url:
            self._monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
            tracing = Tracing("1.2.3", "http/protobuf", SpanQueue(), lambda *counted: self.counted.append(counted))
            app = FastAPI()
            for path in ("/v1/things/{name}", "/livez", "/readyz", "/startupz", "/metrics"):
                app.add_api_route(path, current_trace)
            tracing.instrument(app, PROBES)
            traced = FrontRoutes(app, {PREDICT: tracing.around_predict(answer_current_trace)})
            async with httpx.AsyncClient(transport=httpx.ASGITransport(traced), base_url="http://plimsoll") as client:
                for path in paths:
                    method = "POST" if path.endswith("/predict") else "GET"
                    self.replies.append((await client.request(method, path, headers=headers)).json())
            tracing.close()
        assert all(path == "/v1/traces" for path, _ in collector.received)
        bodies = [gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for _, body in collector.received]
        return [ExportTraceServiceRequest.FromString(body) for body in bodies]


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Traced:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "plimsoll-test")
    return Traced(monkeypatch)


async def test_a_request_becomes_one_server_span_named_by_its_route(traced: Traced) -> None:
    (exported,) = await traced.get("/v1/things/7")
    (resource,) = exported.resource_spans
    told = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert told["service.name"] == "plimsoll-test"
    assert told["service.version"] == "1.2.3"
    (span,) = [span for scope in resource.scope_spans for span in scope.spans]
    assert span.name == "GET /v1/things/{name}"
    assert span.kind == span.SPAN_KIND_SERVER
    assert traced.replies == [span.trace_id.hex()]
    assert traced.counted == [("exported", 1)]


@pytest.mark.parametrize("model", ["digits", "livez", "readyz"])
async def test_a_prediction_is_one_server_span_too_whatever_the_model_is_called(traced: Traced, model: str) -> None:
    (exported,) = await traced.get(f"/v1/models/{model}/predict")
    assert spans_of(exported) == [("POST /v1/models/{name}/predict", traced.replies[0])]


async def test_one_request_is_one_server_span_also_where_the_process_has_a_provider(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(everywhere))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    (exported,) = await traced.get("/v1/models/tiny/predict", "/v1/things/7")
    assert [name for name, _ in spans_of(exported)] == ["POST /v1/models/{name}/predict", "GET /v1/things/{name}"]
    assert everywhere.get_finished_spans() == ()
    provider.shutdown()


def test_grpc_without_its_package_says_what_to_install() -> None:
    with pytest.raises(OperatorError, match=r"pip install 'plimsoll\[otlp-grpc\]'"):
        Tracing("1.2.3", "grpc", SpanQueue(), lambda *_: None)


async def test_probes_and_scrapes_are_not_traced(traced: Traced) -> None:
    assert await traced.get("/livez", "/readyz", "/startupz", "/metrics") == []
    assert traced.replies == ["0" * 32] * 4


async def test_a_trace_that_a_client_began_is_continued(traced: Traced) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    await traced.get("/v1/things/7", traceparent=f"00-{trace_id}-b7ad6b7169203331-01")
    assert traced.replies == [trace_id]


async def test_the_provider_of_the_process_is_left_alone(traced: Traced) -> None:
    before = trace.get_tracer_provider()
    await traced.get("/v1/things/1")
    assert trace.get_tracer_provider() is before
