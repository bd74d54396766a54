"""Sends finished spans to a collector, and counts those that do not arrive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

CountSpans = Callable[[str, int], None]
"""Called with the number of spans that were `exported`, `failed` or `dropped`."""


@dataclass(frozen=True, slots=True)
class SpanQueue:
    """Limits the spans that wait to be sent and the spans of one export."""

    capacity: int = 2048
    per_export: int = 512


class CountedExport(SpanProcessor):
    """Sends spans in the background, at most the queue's capacity at a time, and counts them by result.

    OpenTelemetry's own processor drops the spans that its queue cannot hold and reports that only in the log. So the
    bound is here, and its queue is never full.
    """

    def __init__(self, exporter: SpanExporter, queue: SpanQueue, count: CountSpans) -> None:
        self._capacity = queue.capacity
        self._count = count
        self._waiting = 0
        self._lock = threading.Lock()
        self._batches = BatchSpanProcessor(
            _CountedExporter(exporter, self._done),
            max_queue_size=queue.capacity,
            max_export_batch_size=min(queue.per_export, queue.capacity),
        )

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: a span is sent when it has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span, or drop it if too many wait."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self._lock:
            taken = self._waiting < self._capacity
            self._waiting += taken
        if taken:
            self._batches.on_end(span)
        else:
            self._count("dropped", 1)

    def shutdown(self) -> None:
        """Send all queued spans; give up after the exporter's timeout."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send all queued spans now."""
        return bool(self._batches.force_flush(timeout_millis))

    def _done(self, result: str, spans: int) -> None:
        with self._lock:
            self._waiting -= spans
        self._count(result, spans)


class _CountedExporter(SpanExporter):
    def __init__(self, exporter: SpanExporter, done: CountSpans) -> None:
        self._exporter = exporter
        self._done = done

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            self._done("exported" if result is SpanExportResult.SUCCESS else "failed", len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
