"""The span of one call, without a server."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id
from plimsoll.inference.call import Call
from plimsoll.inference.request_head import RequestHead
from plimsoll.telemetry.rpc_spans import RpcSpans
from plimsoll.telemetry.server_spans import current_trace_id, recorded_span

ROUTE = "/inference.GRPCInferenceService/ModelInfer"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
Traced = Callable[..., tuple[ReadableSpan | None, Any]]


@pytest.fixture
def traced() -> Iterator[Traced]:
    """Begins and ends the span of a call, in a context of its own; gives the span and the trace's id inside."""
    providers: list[TracerProvider] = []

    def trace(sampler: Sampler = ALWAYS_ON, code: str = "OK", **metadata: str) -> tuple[ReadableSpan | None, Any]:
        exporter, provider = InMemorySpanExporter(), TracerProvider(sampler=ParentBased(sampler))
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        providers.append(provider)
        head = RequestHead([(name.encode(), value.encode()) for name, value in metadata.items()])
        call = Call(head, ROUTE)

        def run() -> Any:
            span = RpcSpans(provider.get_tracer("test")).begin(call, "192.0.2.1")
            inside = (current_trace_id(), recorded_span() is not None)
            call.model, call.version = "echo", "1"
            span.end(call, code)
            return inside

        inside = contextvars.copy_context().run(run)
        finished = exporter.get_finished_spans()
        return (finished[0] if finished else None), inside

    yield trace
    for provider in providers:
        provider.shutdown()


def test_a_call_has_a_server_span_by_the_conventions_of_rpc(traced: Traced) -> None:
    span, (trace_id, recorded) = traced()
    assert span is not None
    assert (span.name, span.kind) == ("inference.GRPCInferenceService/ModelInfer", SpanKind.SERVER)
    attributes = dict(span.attributes or {})
    assert len(attributes.pop("plimsoll.request_id")) == 32  # type: ignore[arg-type]
    assert attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "inference.GRPCInferenceService/ModelInfer",
        "rpc.response.status_code": "OK",
        "network.peer.address": "192.0.2.1",
        "plimsoll.model": "echo",
        "plimsoll.version": "1",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert (trace_id, recorded) == (format_trace_id(span.context.trace_id), True)


def test_it_goes_on_with_the_trace_of_the_client(traced: Traced) -> None:
    span, (trace_id, _) = traced(traceparent=f"00-{TRACE_ID}-b7ad6b7169203331-01")
    assert span is not None
    assert trace_id == format_trace_id(span.context.trace_id) == TRACE_ID
    assert span.parent is not None
    assert span.parent.span_id == 0xB7AD6B7169203331


def test_a_call_that_nobody_wants_has_no_span(traced: Traced) -> None:
    assert traced(ALWAYS_OFF) == (None, (None, False))
    assert traced(traceparent=f"00-{TRACE_ID}-b7ad6b7169203331-00") == (None, (None, False))


@pytest.mark.parametrize(
    ("code", "is_error"),
    [
        ("INVALID_ARGUMENT", False), ("RESOURCE_EXHAUSTED", False), ("UNAUTHENTICATED", False), ("INTERNAL", True),
        ("UNAVAILABLE", True), ("DEADLINE_EXCEEDED", True), ("CANCELLED", True),
    ],
)  # fmt: skip
def test_a_fault_of_the_server_is_an_error_and_one_of_the_client_is_not(
    traced: Traced, code: str, *, is_error: bool
) -> None:
    span, _ = traced(code=code)
    assert span is not None
    assert (span.status.status_code is StatusCode.ERROR) is is_error
    assert (span.attributes or {}).get("error.type") == (code if is_error else None)
