"""The SERVER span of a predict request: built if the sampler wants it, and nearly free if not."""

from __future__ import annotations

from collections.abc import Awaitable
from contextvars import ContextVar, Token
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware, asgi_getter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import HTTP_ROUTE
from opentelemetry.semconv.attributes.url_attributes import URL_QUERY
from opentelemetry.trace import NonRecordingSpan, Span, SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plimsoll.inference.call import Call, call_of
from plimsoll.telemetry.root_sampling import NO_PARENT, RootSampling

_recorded: ContextVar[Span | None] = ContextVar("recorded_span", default=None)
_CLIENT_GONE = 499


class AskedIds(RandomIdGenerator):
    """Makes ids for a provider; the next trace gets the id about which its sampler was asked, if one is set."""

    asked: int | None = None

    def generate_trace_id(self) -> int:
        """Return an id for a new trace."""
        asked, self.asked = self.asked, None
        return asked if asked is not None else super().generate_trace_id()


class PredictSpans:
    """Wraps the handler of a route of the table, whose call has been begun.

    The contrib instrumentation builds all attributes of a span before it asks the sampler, which costs a quarter of a
    small prediction. Here the sampler is asked first, and only for a request that it wants the contrib middleware does
    its work, so that a span is the same either way; contrib asks once more, and each of OpenTelemetry's own samplers
    says the same of the same trace. In addition to contrib's attributes it has ours,
    `plimsoll.model`, `plimsoll.version` and `plimsoll.request_id`, and the answer names it in `traceresponse`.

    `provider` makes its ids by `ids`.
    """

    def __init__(self, app: ASGIApp, provider: TracerProvider, ids: AskedIds) -> None:
        self._app = app
        self._sampler = provider.sampler
        self._roots = RootSampling(provider.sampler)
        self._ids = ids
        self._traced = OpenTelemetryMiddleware(
            self._inside,
            default_span_details=self._details,
            tracer_provider=provider,
            exclude_spans=["receive", "send"],
        )
        self._carriers = frozenset(field.encode() for field in propagate.get_global_textmap().fields)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request. It is no coroutine, so that an untraced request pays for none."""
        call = call_of(scope)
        if not self._carriers.isdisjoint(call.head.fields):
            return self._go_on(scope, receive, send)
        if self._roots.wants_none:
            return self._app(scope, receive, send)
        trace_id = self._ids.generate_trace_id()
        if self._roots.wants(trace_id, call.route):
            return self._trace(trace_id, scope, receive, send)
        return self._app(scope, receive, send)

    async def _go_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that names a trace or another context."""
        carrier: dict[str, Any] = dict(scope)
        parent = propagate.extract(carrier, NO_PARENT, asgi_getter)
        came = trace.get_current_span(parent).get_span_context()
        trace_id = came.trace_id if came.is_valid else self._ids.generate_trace_id()
        asked = self._sampler.should_sample(parent, trace_id, call_of(scope).route, SpanKind.SERVER)
        if asked.decision is not Decision.DROP:
            await self._trace(None if came.is_valid else trace_id, scope, receive, send)
        elif came.is_valid:
            with trace.use_span(NonRecordingSpan(came)):  # its log lines still name the client's trace
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _trace(self, new_trace_id: int | None, scope: Scope, receive: Receive, send: Send) -> None:
        token = context.attach(NO_PARENT)  # contrib takes whatever span is current for the parent
        self._ids.asked = new_trace_id  # contrib begins the trace before anything is awaited
        try:
            await self._traced(scope, receive, send)
        finally:
            context.detach(token)

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        span = trace.get_current_span()
        hide_query(span, scope)
        self._ids.asked = None

        head_status = 0

        async def send_known(message: Message) -> None:
            nonlocal head_status
            if message["type"] == "http.response.start":
                head_status = message["status"]
                describe(span, call_of(scope))
                if head_status == _CLIENT_GONE:  # at other 4xx a server's span has no error
                    _note_error(span, head_status)
                if span.is_recording():
                    message["headers"] = [*message.get("headers", ()), (b"traceresponse", _as_header(span))]
            elif not message.get("more_body"):  # contrib ends the span with this message
                _describe_end(span, head_status, call_of(scope).status or head_status)
            await send(message)

        token = use_span(span)
        try:
            await self._app(scope, receive, send_known)
        finally:
            _recorded.reset(token)

    @staticmethod
    def _details(scope: Scope) -> tuple[str, dict[str, Any]]:
        route = call_of(scope).route
        return f"{scope['method']} {route}", {HTTP_ROUTE: route}


def use_span(span: Span) -> Token[Span | None]:
    """Make a span the one of the current request."""
    return _recorded.set(span if span.is_recording() else None)


def recorded_span() -> Span | None:
    """The span of the current predict request; `None` if it is not recorded.

    OpenTelemetry knows it too, but five calls deep.
    """
    return _recorded.get()


def current_trace_id() -> str | None:
    """The id of the trace of the current predict request, if it is sampled."""
    span = _recorded.get()
    if span is None:
        return None
    found = span.get_span_context()
    return trace.format_trace_id(found.trace_id) if found.trace_flags.sampled else None


def hide_query(span: Span, scope: Scope) -> None:
    """Remove the query: no route reads it, and clients put secrets there."""
    if scope.get("query_string"):
        span.set_attribute(URL_QUERY, "REDACTED")


def describe(span: Span, call: Call) -> None:
    """Add our own attributes of a request to its span."""
    for name, fact in (("model", call.model), ("version", call.version), ("request_id", call.request_id)):
        if fact:
            span.set_attribute(f"plimsoll.{name}", fact)


def _describe_end(span: Span, head_status: int, status: int) -> None:
    """Note the error with which a stream ended whose head had said that all was well."""
    if status != head_status:
        _note_error(span, status)


def _note_error(span: Span, status: int) -> None:
    span.set_attribute(ERROR_TYPE, "client_gone" if status == _CLIENT_GONE else str(status))
    span.set_status(Status(StatusCode.ERROR))


def _as_header(span: Span) -> bytes:
    """The span in the form of W3C Trace Context Level 2, section 4: what came of the `traceparent` that was sent."""
    found = span.get_span_context()
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}".encode()
