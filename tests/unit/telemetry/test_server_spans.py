"""The SERVER span of a predict request against the contrib instrumentation's of the same request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, AlwaysRecordSampler, ParentBased, Sampler
from opentelemetry.trace import Span, SpanKind, StatusCode
from plimsoll.api.front_routes import FrontRoutes
from plimsoll.inference.call import begin_call, call_of
from plimsoll.telemetry.batch_spans import TracedBatches
from plimsoll.telemetry.server_spans import AskedIds, PredictSpans, current_trace_id
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.doubles.asgi import Exchange, http_scope

ROUTES = ("/v1/predict", "/v1/models/{name}/predict")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SAMPLED, UNSAMPLED = f"00-{TRACE_ID}-b7ad6b7169203331-01", f"00-{TRACE_ID}-b7ad6b7169203331-00"


class Traced:
    """An application that answers with the status in its query, and the spans it makes."""

    def __init__(self, sampler: Sampler, *, by_contrib: bool = False) -> None:
        self._exporter = InMemorySpanExporter()
        ids = AskedIds()
        self.provider = TracerProvider(sampler=sampler, id_generator=ids)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.seen: list[str] = []
        self.batches = TracedBatches(self.provider.get_tracer("test"))
        self.recorded: list[tuple[Span | None, str | None]] = []
        app = FastAPI()
        for route in (*ROUTES, "/v1/models"):
            app.add_api_route(route, self._answer, methods=["POST"])
        self.app: ASGIApp = app
        if by_contrib:
            FastAPIInstrumentor.instrument_app(app, tracer_provider=self.provider, exclude_spans=["receive", "send"])
        else:
            self.app = FrontRoutes(app, dict.fromkeys(ROUTES, PredictSpans(app, self.provider, ids)))

    async def ask(self, path: str, method: str = "POST", **headers: str) -> httpx.Response:
        """One request, with some headers that a span tells of."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://plimsoll:81") as client:
            return await client.request(method, path, headers={"User-Agent": "tester/1", **headers}, content=b"{}")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """What was made so far."""
        return self._exporter.get_finished_spans()

    async def _answer(self, request: Request) -> Response:
        self.seen.append(trace.format_trace_id(trace.get_current_span().get_span_context().trace_id))
        self.recorded.append((self.batches.context(), current_trace_id()))
        call = call_of(request.scope)
        call.model, call.version, call.request_id = "tiny", "1", "r-1"
        return Response(status_code=int(request.query_params.get("status", "200")))


@pytest.fixture
def made() -> Iterator[list[Traced]]:
    """Those that a test has made; their providers end with it."""
    made: list[Traced] = []
    yield made
    for each in made:
        each.provider.shutdown()


def facts(span: ReadableSpan) -> dict[str, Any]:
    """Everything that two spans of the same request have in common, and none of what is ours alone."""
    ours = ("plimsoll.", "url.query")
    attributes = {name: value for name, value in (span.attributes or {}).items() if not name.startswith(ours)}
    parent = span.parent and (span.parent.trace_id, span.parent.span_id)
    return {"name": span.name, "kind": span.kind, "status": span.status.status_code, "parent": parent, **attributes}


@pytest.mark.parametrize("headers", [{}, {"traceparent": SAMPLED}, {"traceparent": "00-nonsense"}])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/predict"),
        ("POST", "/v1/predict?status=422"),
        ("POST", "/v1/predict?status=503&secret=1"),
        ("POST", "/v1/models/tiny/predict"),
        ("POST", "/v1/models/a%20b/predict?status=500"),
    ],
)
async def test_it_is_the_span_that_contrib_makes(
    made: list[Traced], method: str, path: str, headers: dict[str, str]
) -> None:
    ours, theirs = Traced(ParentBased(ALWAYS_ON)), Traced(ParentBased(ALWAYS_ON), by_contrib=True)
    made += [ours, theirs]
    for each in (ours, theirs):
        await each.ask(path, method, **headers)
    (span,), (reference,) = ours.spans, theirs.spans
    assert span.kind is SpanKind.SERVER
    assert facts(span) == facts(reference)


async def test_it_says_besides_which_version_answered_and_the_answer_names_it(made: list[Traced]) -> None:
    made.append(Traced(ALWAYS_ON))
    reply = await made[0].ask("/v1/predict")
    (span,) = made[0].spans
    ours = {name: value for name, value in (span.attributes or {}).items() if name.startswith("plimsoll.")}
    assert ours == {"plimsoll.model": "tiny", "plimsoll.version": "1", "plimsoll.request_id": "r-1"}
    context = span.get_span_context()
    assert context is not None
    version, trace_id, span_id, flags = reply.headers["traceresponse"].split("-")
    assert (version, int(trace_id, 16), int(span_id, 16), int(flags, 16) & 1) == (
        "00", context.trace_id, context.span_id, 1,
    )  # fmt: skip


@pytest.mark.parametrize(("end", "error"), [(200, None), (504, "504"), (499, "client_gone")])
async def test_a_stream_is_one_span_that_ends_with_it_and_says_how_it_ended(
    made: list[Traced], end: int, error: str | None
) -> None:
    made.append(Traced(ALWAYS_ON))

    async def stream(scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        assert made[0].spans == ()
        call_of(scope).status = end
        await send({"type": "http.response.body", "body": b"b", "more_body": False})

    spans = PredictSpans(stream, made[0].provider, AskedIds())
    scope = http_scope("/v1/predict", "POST")
    begin_call(scope, "/v1/predict", {})
    await Exchange(spans, scope).run()
    (span,) = made[0].spans
    attributes = span.attributes or {}
    assert (attributes["http.response.status_code"], attributes.get("error.type")) == (200, error)
    assert span.status.status_code is (StatusCode.UNSET if error is None else StatusCode.ERROR)


async def test_what_stands_behind_the_question_mark_is_in_no_span(made: list[Traced]) -> None:
    made.append(Traced(ALWAYS_ON))
    await made[0].ask("/v1/predict?api_key=sk-secret&status=200")
    (span,) = made[0].spans
    assert (span.attributes or {})["url.query"] == "REDACTED"
    assert "sk-secret" not in span.to_json()


async def test_a_request_is_not_part_of_the_trace_that_is_current_where_it_begins(made: list[Traced]) -> None:
    made.append(Traced(ParentBased(ALWAYS_ON)))
    with made[0].provider.get_tracer("test").start_as_current_span("the request before it on the connection"):
        await made[0].ask("/v1/predict")
        await made[0].ask("/v1/predict", traceparent=SAMPLED)
    first, second, _ = made[0].spans
    assert [span.kind for span in (first, second)] == [SpanKind.SERVER] * 2
    assert first.parent is None
    assert second.parent is not None
    assert f"{second.parent.trace_id:032x}" == TRACE_ID


async def test_a_client_that_left_is_an_error_of_the_span(made: list[Traced]) -> None:
    made.append(Traced(ALWAYS_ON))
    await made[0].ask("/v1/predict?status=499")
    (span,) = made[0].spans
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "client_gone"


@pytest.mark.parametrize(
    ("sampler", "traceparent", "spans"),
    [
        (ALWAYS_OFF, None, 0),
        (ALWAYS_OFF, SAMPLED, 0),
        (ParentBased(ALWAYS_OFF), None, 0),
        (ParentBased(ALWAYS_OFF), SAMPLED, 1),
        (ParentBased(ALWAYS_ON), UNSAMPLED, 0),
        (ParentBased(ALWAYS_ON), None, 1),
    ],
)
async def test_the_sampler_decides(made: list[Traced], sampler: Sampler, traceparent: str | None, spans: int) -> None:
    made.append(Traced(sampler))
    reply = await made[0].ask("/v1/predict", **({"traceparent": traceparent} if traceparent else {}))
    assert reply.status_code == 200
    assert len(made[0].spans) == spans
    assert ("traceresponse" in reply.headers) == bool(spans)


async def test_an_unsampled_request_still_knows_the_trace_that_it_is_part_of(made: list[Traced]) -> None:
    made.append(Traced(ParentBased(ALWAYS_ON)))
    await made[0].ask("/v1/predict", traceparent=UNSAMPLED)
    assert made[0].seen == [TRACE_ID]
    made.append(Traced(ALWAYS_OFF))
    await made[1].ask("/v1/predict")
    assert made[1].seen == ["0" * 32]


@pytest.mark.parametrize(
    ("sampler", "traceparent", "recorded", "sampled"),
    [
        (ParentBased(ALWAYS_ON), SAMPLED, True, True),
        (AlwaysRecordSampler(ParentBased(ALWAYS_ON)), UNSAMPLED, True, False),
        (ParentBased(ALWAYS_ON), UNSAMPLED, False, False),
    ],
)
async def test_whoever_answers_can_ask_for_the_recorded_span_and_its_sampled_trace(
    made: list[Traced], sampler: Sampler, traceparent: str, recorded: bool, sampled: bool
) -> None:
    made.append(Traced(sampler))
    await made[0].ask("/v1/predict", traceparent=traceparent)
    ((span, trace_id),) = made[0].recorded
    assert (span is not None, trace_id) == (recorded, TRACE_ID if sampled else None)
    assert (made[0].batches.context(), current_trace_id()) == (None, None), "nor is it anybody's after that"


async def test_other_routes_pass_through(made: list[Traced]) -> None:
    made.append(Traced(ALWAYS_ON))
    assert (await made[0].ask("/v1/models")).status_code == 200
    assert (await made[0].ask("/v1/elsewhere/predict")).status_code == 404
    assert made[0].spans == ()
