from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode, Tracer
from plimsoll.inference.payloads import BatchReport
from plimsoll.telemetry.batch_spans import TracedBatches

SECOND = 1_000_000_000
HARDLY = SECOND // 100


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Iterator[Tracer]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("test")
    provider.shutdown()


def context_of(span: ReadableSpan) -> SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


def test_a_batch_links_its_members_and_each_of_them_links_back(tracer: Tracer, exporter: InMemorySpanExporter) -> None:
    batches = TracedBatches(tracer)
    contexts: list[object] = []
    for _ in range(2):
        with tracer.start_as_current_span("request") as span:
            contexts.append(span)
    requests = exporter.get_finished_spans()
    exporter.clear()
    before = time.time_ns()
    batches.batch_finished("tiny", "1", BatchReport(7, (0.5, 2.0, 0.25), 1.0, (contexts[0], None, contexts[1])))

    forward, batch, *queues = exporter.get_finished_spans()
    assert [span.name for span in (forward, batch, *queues)] == ["forward", "batch", "queue", "queue"]
    assert [link.context for link in batch.links] == [context_of(request) for request in requests]
    assert batch.parent == context_of(requests[0])
    assert forward.parent == context_of(batch)
    for queue, request in zip(queues, requests, strict=True):
        assert queue.parent == context_of(request)
        assert [link.context for link in queue.links] == [context_of(batch)]
    assert batch.attributes == {
        "plimsoll.model": "tiny", "plimsoll.version": "1", "plimsoll.batch.rows": 7, "plimsoll.batch.requests": 3,
    }  # fmt: skip

    times = [(span.start_time or 0, span.end_time or 0) for span in (forward, batch, *queues)]
    lengths = [end - start for start, end in times]
    assert lengths == [SECOND, 3 * SECOND // 2, SECOND // 2, SECOND // 4], "the batch is as old as who it hangs under"
    ends = [end for _, end in times]
    assert ends[0] == ends[1] >= before
    assert ends[2] == ends[3] == ends[0] - SECOND, "the wait is over when the model begins"


def test_a_batch_that_failed_is_an_error(tracer: Tracer, exporter: InMemorySpanExporter) -> None:
    batches = TracedBatches(tracer)
    with tracer.start_as_current_span("request") as context:
        pass
    exporter.clear()
    batches.batch_finished("tiny", "1", BatchReport(1, (0.5,), 1.0, (context,), failed=True))
    codes = {span.name: span.status.status_code for span in exporter.get_finished_spans()}
    assert codes == {"forward": StatusCode.ERROR, "batch": StatusCode.ERROR, "queue": StatusCode.UNSET}


def test_a_step_of_a_task_is_part_of_its_request_if_that_is_recorded(
    tracer: Tracer, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = TracedBatches(tracer)
    batches.task_ran("tiny", "1", "read", 0.5)
    assert exporter.get_finished_spans() == ()
    with tracer.start_as_current_span("request") as request:
        monkeypatch.setattr("plimsoll.telemetry.batch_spans.recorded_span", lambda: request)
        batches.task_ran("tiny", "1", "read", 0.5)
    step, _ = exporter.get_finished_spans()
    assert (step.name, step.parent) == ("task.read", request.get_span_context())
    assert (step.end_time or 0) - (step.start_time or 0) == SECOND // 2
    assert step.attributes == {"plimsoll.model": "tiny", "plimsoll.version": "1"}
