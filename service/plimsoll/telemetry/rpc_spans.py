"""The SERVER span of a gRPC call, by OpenTelemetry's conventions for RPC."""

from __future__ import annotations

from opentelemetry import context, propagate, trace
from opentelemetry.semconv._incubating.attributes.rpc_attributes import (
    RPC_METHOD,
    RPC_RESPONSE_STATUS_CODE,
    RPC_SYSTEM_NAME,
)
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.network_attributes import NETWORK_PEER_ADDRESS
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from plimsoll.inference.call import Call
from plimsoll.telemetry.root_sampling import NO_PARENT
from plimsoll.telemetry.server_spans import describe, use_span

_FAULTS = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "CANCELLED"}
)
"""Codes that are errors of a server's span; the conventions' own, and the one of a client that has left."""


class RpcSpans:
    """Makes the span of each call that the sampler wants. A call runs in a task of its own, whose span it becomes."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, call: Call, peer: str) -> RpcSpan:
        """Begin the span of a call, as part of the trace in its metadata; `peer` is the address of the client."""
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in call.head.fields.items()}
        method = call.route.removeprefix("/")
        attributes = {RPC_SYSTEM_NAME: "grpc", RPC_METHOD: method}
        if peer:
            attributes[NETWORK_PEER_ADDRESS] = peer
        parent = propagate.extract(carrier, NO_PARENT)
        span = self._tracer.start_span(method, parent, SpanKind.SERVER, attributes)
        context.attach(trace.set_span_in_context(span))
        use_span(span)
        return RpcSpan(span)


class RpcSpan:
    """The span of one call."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def end(self, call: Call, code: str) -> None:
        """End the span; `code` is the name of gRPC's status code."""
        describe(self._span, call)
        self._span.set_attribute(RPC_RESPONSE_STATUS_CODE, code)
        if code in _FAULTS:
            self._span.set_attribute(ERROR_TYPE, code)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
