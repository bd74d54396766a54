"""Writes the spans of a traced request: the wait in the queue, the batch, the forward pass, and a task's own steps."""

from __future__ import annotations

import time

from opentelemetry.trace import Link, Span, Status, StatusCode, Tracer, set_span_in_context

from plimsoll.inference.payloads import BatchReport
from plimsoll.telemetry.server_spans import recorded_span

_NANOSECONDS = 1_000_000_000


class TracedBatches:
    """Makes the spans `queue`, `batch` and `forward`, once a batch has run and only for the requests that are traced.

    A batch belongs to many traces. Its span stands in that of its first traced request and links to all of them; each
    request's `queue` span links back to it.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def context(self) -> Span | None:
        """The current request's span; `None` where it is not recorded."""
        return recorded_span()

    def batch_finished(self, model: str, version: str, report: BatchReport) -> None:
        """A batch has just run; `report.contexts` holds what `context` gave."""
        ended = time.time_ns()
        started = ended - int(report.forward_seconds * _NANOSECONDS)
        waits = [int(seconds * _NANOSECONDS) for seconds in report.wait_seconds]
        members = [(span, wait) for span, wait in zip(report.contexts, waits, strict=True) if isinstance(span, Span)]
        about: dict[str, str | int] = {"plimsoll.model": model, "plimsoll.version": version}
        batch = self._tracer.start_span(
            "batch",
            set_span_in_context(members[0][0]),
            links=[Link(span.get_span_context()) for span, _ in members],
            attributes={**about, "plimsoll.batch.rows": report.rows, "plimsoll.batch.requests": len(waits)},
            start_time=started - members[0][1],  # it has formed longer than that where an untraced request came first
        )
        forward = self._tracer.start_span("forward", set_span_in_context(batch), attributes=about, start_time=started)
        for span in (forward, batch):
            if report.failed:
                span.set_status(Status(StatusCode.ERROR))
            span.end(ended)
        for span, wait in members:
            self._tracer.start_span(
                "queue",
                set_span_in_context(span),
                links=[Link(batch.get_span_context())],
                attributes=about,
                start_time=started - wait,
            ).end(started)

    def task_ran(self, model: str, version: str, step: str, seconds: float) -> None:
        """A step of the task of the current request has just run; makes the span `task.<step>` if it is traced."""
        parent = recorded_span()
        if parent is None:
            return
        ended = time.time_ns()
        self._tracer.start_span(
            f"task.{step}",
            set_span_in_context(parent),
            attributes={"plimsoll.model": model, "plimsoll.version": version},
            start_time=ended - int(seconds * _NANOSECONDS),
        ).end(ended)
