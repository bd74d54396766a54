from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from plimsoll.telemetry.span_export import CountedExport, SpanQueue


class Collector(SpanExporter):
    """Takes no spans before it is opened; then it gives `result`, or raises it."""

    def __init__(self, result: SpanExportResult | Exception = SpanExportResult.SUCCESS) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.names: list[str] = []
        self._result = result

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.entered.set()
        assert self.opened.wait(30)
        if isinstance(self._result, Exception):
            raise self._result
        self.names += [span.name for span in spans]
        return self._result


class Counted:
    """A provider whose spans are counted."""

    def __init__(self, collector: Collector, capacity: int = 100, provider: TracerProvider | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.provider = provider or TracerProvider()
        self.export = CountedExport(collector, SpanQueue(capacity), self._count)
        self.provider.add_span_processor(self.export)
        self.tracer = self.provider.get_tracer("test")

    def _count(self, result: str, spans: int) -> None:
        self.counts[result] += spans


def test_what_was_sent_is_counted() -> None:
    collector = Collector()
    collector.opened.set()
    counted = Counted(collector)
    for number in range(5):
        counted.tracer.start_span(f"span {number}").end()
    counted.provider.shutdown()
    assert counted.counts == {"exported": 5}
    assert sorted(collector.names) == [f"span {number}" for number in range(5)]


@pytest.mark.parametrize("result", [SpanExportResult.FAILURE, OSError("the collector is away")])
def test_what_could_not_be_sent_is_counted(result: SpanExportResult | Exception) -> None:
    collector = Collector(result)
    collector.opened.set()
    counted = Counted(collector)
    counted.tracer.start_span("span").end()
    counted.provider.shutdown()
    assert counted.counts == {"failed": 1}


def test_what_there_is_no_room_for_is_dropped_and_counted_and_room_comes_back() -> None:
    collector = Collector()
    counted = Counted(collector, capacity=3)
    flush = threading.Thread(target=counted.export.force_flush)
    for _ in range(3):
        counted.tracer.start_span("kept").end()
    flush.start()
    assert collector.entered.wait(30)
    for _ in range(2):
        counted.tracer.start_span("dropped").end()
    assert counted.counts == {"dropped": 2}
    collector.opened.set()
    flush.join(60)
    counted.tracer.start_span("kept").end()
    counted.provider.shutdown()
    assert counted.counts == {"dropped": 2, "exported": 4}
    assert collector.names == ["kept"] * 4


def test_a_span_that_nobody_wants_is_not_counted() -> None:
    counted = Counted(Collector(), provider=TracerProvider(sampler=ALWAYS_OFF))
    counted.tracer.start_span("span").end()
    counted.provider.shutdown()
    assert counted.counts == {}
