"""The SERVER span of a predict request: built where the sampler wants it, and all but free where it does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware, asgi_getter
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import HTTP_ROUTE
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NO_PARENT = context.Context()
_CLIENT_GONE = 499


class _AskedTracer:
    """Gives the contrib middleware the span that the sampler has said yes to, under the name that it wants."""

    def __init__(self) -> None:
        self.span: Span = trace.INVALID_SPAN

    def start_span(self, name: str, **_: Any) -> Span:  # noqa: ANN401  # what contrib passes; the span has it already
        self.span.update_name(name)
        return self.span


class PredictSpans:
    """Wraps the application, for the routes of `templates` only; everything else passes through.

    The contrib instrumentation builds all attributes of a span before it asks the sampler, which costs a quarter of a
    small prediction. Here the sampler is asked first, and only for a request that it wants the contrib middleware does
    its work, so that a span is the same either way. Beside contrib's attributes it has those of ours,
    `plimsoll.model`, `plimsoll.version` and `plimsoll.request_id`, and the answer names it in `traceresponse`.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer, templates: Iterable[str]) -> None:
        self._app = app
        self._tracer = tracer
        self._asked = _AskedTracer()
        self._routes = [(compile_path(template)[0], template) for template in templates]
        self._contrib = OpenTelemetryMiddleware(
            self._inside, default_span_details=self._details, tracer=self._asked, exclude_spans=["receive", "send"]
        )
        self._carriers = frozenset(field.encode() for field in propagate.get_global_textmap().fields)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or self._route(scope["path"]) is None:
            await self._app(scope, receive, send)
            return
        parent = self._parent(scope)
        span = self._tracer.start_span(scope["method"], parent, SpanKind.SERVER)
        if span.is_recording():
            self._asked.span = span  # taken before anything is awaited
            await self._contrib(scope, receive, send)
        elif parent is _NO_PARENT:
            await self._app(scope, receive, send)
        else:
            with trace.use_span(span):  # unsampled, but the client's: its log lines still name the trace
                await self._app(scope, receive, send)

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        span = trace.get_current_span()

        async def send_known(message: Message) -> None:
            if message["type"] == "http.response.start":
                _describe(span, scope.get("state", {}), message["status"])
                message["headers"] = [*message.get("headers", ()), (b"traceresponse", _as_header(span))]
            await send(message)

        await self._app(scope, receive, send_known)

    def _details(self, scope: Scope) -> tuple[str, dict[str, Any]]:
        route = self._route(scope["path"]) or ""
        return f"{scope['method']} {route}", {HTTP_ROUTE: route}

    def _route(self, path: str) -> str | None:
        if not path.endswith("/predict"):
            return None
        return next((template for regex, template in self._routes if regex.match(path)), None)

    def _parent(self, scope: Scope) -> context.Context:
        if any(name in self._carriers for name, _ in scope["headers"]):
            carrier: dict[str, Any] = dict(scope)
            return propagate.extract(carrier, _NO_PARENT, asgi_getter)
        return _NO_PARENT


def _describe(span: Span, facts: dict[str, Any], status: int) -> None:
    for name in ("model", "version", "request_id"):
        if name in facts:
            span.set_attribute(f"plimsoll.{name}", facts[name])
    if status == _CLIENT_GONE:  # a server's span has no error at 4xx, except where nobody waited for the answer
        span.set_attribute(ERROR_TYPE, "client_gone")
        span.set_status(Status(StatusCode.ERROR))


def _as_header(span: Span) -> bytes:
    """The span in the form of W3C Trace Context Level 2, section 4: what came of the `traceparent` that was sent."""
    found = span.get_span_context()
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}".encode()
