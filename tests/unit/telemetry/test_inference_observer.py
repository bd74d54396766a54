from __future__ import annotations

import pytest
from plimsoll.inference.payloads import BatchReport, PieceReport
from plimsoll.inference.ports import Outcome
from plimsoll.telemetry.exposition import Exposition
from plimsoll.telemetry.inference_observer import SHED_REASONS, UNKNOWN, InferenceObserver, Protocols, VersionObserver
from plimsoll.telemetry.metric_catalog import MetricCatalog
from prometheus_client import CollectorRegistry

LABELS = {"model": "tiny", "version": "1", "protocol": "v1"}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def catalog(registry: CollectorRegistry) -> MetricCatalog:
    return MetricCatalog(registry, 0.1)


@pytest.fixture
def observer(catalog: MetricCatalog) -> InferenceObserver:
    return InferenceObserver(catalog, Protocols(("v1",)))


def finish(
    observer: InferenceObserver, code: int, seconds: float = 0.02, model: str = "tiny", reason: str = ""
) -> None:
    observer.request_started()
    observer.request_finished(Outcome("v1", model, "1" if model else "", code, seconds, reason))


def requests(registry: CollectorRegistry, code: int, **labels: str) -> float | None:
    return registry.get_sample_value("plimsoll_requests_total", {**LABELS, "code": str(code), **labels})


def of_tiny(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"plimsoll_{name}", {"model": "tiny", "version": "1", **labels})


def test_a_version_that_is_ready_has_series_at_zero(registry: CollectorRegistry, observer: InferenceObserver) -> None:
    observer.version_ready("tiny", "1")
    assert [requests(registry, code) for code in (200, 422, 429, 503)] == [0.0] * 4
    assert registry.get_sample_value("plimsoll_request_duration_seconds_count", LABELS) == 0
    assert [of_tiny(registry, "requests_shed_total", reason=reason) for reason in SHED_REASONS] == [0.0] * 7
    assert of_tiny(registry, "requests_cancelled_total") == of_tiny(registry, "requests_deadline_exceeded_total") == 0


def test_a_batch_is_one_size_one_run_and_a_wait_for_each_of_its_requests(
    registry: CollectorRegistry, catalog: MetricCatalog
) -> None:
    tiny, other = VersionObserver(catalog, "tiny", "1", 8), VersionObserver(catalog, "other", "1", 8)
    tiny.batch_finished(BatchReport(rows=5, wait_seconds=(0.25, 0.5, 0.0), forward_seconds=2.0))
    tiny.batch_finished(BatchReport(rows=1, wait_seconds=(0.25,), forward_seconds=1.0))
    other.batch_finished(BatchReport(rows=100, wait_seconds=(9.0,), forward_seconds=9.0))
    names = ("batch_size", "inference_duration_seconds", "queue_wait_seconds")
    assert [(of_tiny(registry, f"{name}_count"), of_tiny(registry, f"{name}_sum")) for name in names] == [
        (2, 6), (2, 3.0), (4, 1.0),
    ]  # fmt: skip
    assert [of_tiny(registry, "batch_size_bucket", le=edge) for edge in ("1.0", "4.0", "8.0")] == [1, 1, 2]


def test_elements_of_padding_and_of_rows_are_counted_apart(registry: CollectorRegistry, catalog: MetricCatalog) -> None:
    tiny = VersionObserver(catalog, "tiny", "1", 8)
    tiny.batch_finished(BatchReport(5, (0.25,), 2.0))
    assert [of_tiny(registry, "batch_elements_total", kind=kind) for kind in ("real", "padding")] == [0, 0]
    tiny.batch_finished(BatchReport(5, (0.25,), 2.0, elements=40, padding=10))
    tiny.batch_finished(BatchReport(1, (0.25,), 2.0, elements=8))
    assert [of_tiny(registry, "batch_elements_total", kind=kind) for kind in ("real", "padding")] == [38, 10]


def test_the_depth_of_the_queue_stands_beside_its_limit(registry: CollectorRegistry, catalog: MetricCatalog) -> None:
    tiny = VersionObserver(catalog, "tiny", "1", queue_limit=8)
    assert (of_tiny(registry, "queue_depth"), of_tiny(registry, "queue_limit")) == (0, 8)
    tiny.queue_changed(5)
    assert of_tiny(registry, "queue_depth") == 5


class Spans:
    """Remembers which batches it was told of."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, BatchReport]] = []

    def context(self) -> object:
        return "here"

    def batch_finished(self, model: str, version: str, report: BatchReport) -> None:
        self.told.append((model, version, report))


def test_spans_hear_only_of_batches_with_a_traced_request(catalog: MetricCatalog) -> None:
    spans = Spans()
    tiny = VersionObserver(catalog, "tiny", "1", 8, spans)
    assert tiny.context() == "here"
    traced = BatchReport(2, (0.0, 0.0), 0.5, (None, "here"))
    tiny.batch_finished(BatchReport(2, (0.0, 0.0), 0.5, (None, None)))
    tiny.batch_finished(traced)
    assert spans.told == [("tiny", "1", traced)]
    assert VersionObserver(catalog, "tiny", "1", 8).context() is None


def test_lookups_in_the_response_cache_are_hits_or_misses(
    registry: CollectorRegistry, observer: InferenceObserver
) -> None:
    for found in (True, False, True):
        observer.cache_looked_up("tiny", "1", found=found)
    assert [of_tiny(registry, "cache_lookups_total", result=result) for result in ("hit", "miss")] == [2, 1]


def test_what_was_refused_or_dropped_is_counted_by_why_and_what_was_wrong_is_not(
    registry: CollectorRegistry, observer: InferenceObserver
) -> None:
    ends = [
        (429, "overloaded"), (429, "overloaded"), (503, "draining"), (503, "loading"), (503, "stuck"), (503, "failed"),
        (504, "deadline_exceeded"), (499, "client_gone"), (422, "invalid_input"), (500, "internal"), (200, ""),
    ]  # fmt: skip
    for code, reason in ends:
        finish(observer, code, reason=reason)
    assert [of_tiny(registry, "requests_shed_total", reason=reason) for reason in SHED_REASONS] == [2, 1, 1, 1, 1, 1, 1]
    assert of_tiny(registry, "requests_cancelled_total") == of_tiny(registry, "requests_deadline_exceeded_total") == 1
    for reason in ("invalid_input", "internal", ""):
        assert of_tiny(registry, "requests_shed_total", reason=reason) is None
    assert sum(requests(registry, code) or 0 for code in (200, 422, 429, 499, 500, 503, 504)) == len(ends)


def test_requests_are_counted_by_how_they_ended(registry: CollectorRegistry, observer: InferenceObserver) -> None:
    for code in (200, 200, 422, 499):
        finish(observer, code)
    assert [requests(registry, code) for code in (200, 422, 499)] == [2, 1, 1]


def test_only_what_a_model_answered_enters_the_histogram(
    registry: CollectorRegistry, observer: InferenceObserver
) -> None:
    for code in (200, 422, 500, 503):
        finish(observer, code, seconds=0.25)
    assert registry.get_sample_value("plimsoll_request_duration_seconds_count", LABELS) == 1
    assert registry.get_sample_value("plimsoll_request_duration_seconds_sum", LABELS) == 0.25


def test_requests_in_flight_rise_and_fall(registry: CollectorRegistry, observer: InferenceObserver) -> None:
    observer.request_started()
    observer.request_started()
    assert registry.get_sample_value("plimsoll_requests_in_flight") == 2
    observer.request_finished(Outcome("v1", "tiny", "1", 200, 0.1))
    observer.request_finished(Outcome("v1", "", "", 404, 0.1))
    assert registry.get_sample_value("plimsoll_requests_in_flight") == 0


def test_what_a_client_made_up_becomes_one_series(registry: CollectorRegistry, observer: InferenceObserver) -> None:
    finish(observer, 404, model="")
    finish(observer, 404, model="")
    assert requests(registry, 404, model=UNKNOWN, version=UNKNOWN) == 2


def test_a_traced_answer_is_the_example_of_its_bucket(catalog: MetricCatalog) -> None:
    trace_ids = iter(["a" * 32, None])
    observer = InferenceObserver(catalog, Protocols(("v1",)), lambda: next(trace_ids))
    finish(observer, 200, seconds=0.02)
    finish(observer, 200, seconds=0.2)
    lines = Exposition(catalog.registry, many_processes=False)("application/openmetrics-text")[0].decode().splitlines()
    examples = [line for line in lines if "# {" in line]
    assert len(examples) == 1
    assert 'le="0.025"' in examples[0]
    assert f'# {{trace_id="{"a" * 32}"}} 0.02 ' in examples[0]


def test_a_model_that_leaves_the_event_loop_is_named_in_the_log(
    catalog: MetricCatalog, caplog: pytest.LogCaptureFixture
) -> None:
    VersionObserver(catalog, "tiny", "1", 8).inline_rows_lowered(4, rows=32, seconds=0.25)
    (record,) = caplog.records
    assert record.message == (
        "model tiny version 1 blocked the event loop for 250 ms with 32 rows; batches of more than 4 rows "
        "now run on a worker thread"
    )
    assert (record.__dict__["model"], record.__dict__["version"]) == ("tiny", "1")


def test_a_streamed_answer_is_counted_and_stays_out_of_the_durations(
    registry: CollectorRegistry, catalog: MetricCatalog
) -> None:
    observer = InferenceObserver(catalog, Protocols(("v1", "v1-stream"), streamed=("v1-stream",)))
    observer.version_ready("tiny", "1")
    assert requests(registry, 200, protocol="v1-stream") == 0
    observer.request_started()
    observer.request_finished(Outcome("v1-stream", "tiny", "1", 200, 3.0, streamed=True))
    catalog.observations.count()
    assert requests(registry, 200, protocol="v1-stream") == 1
    duration = "plimsoll_request_duration_seconds_count"
    assert registry.get_sample_value(duration, LABELS) == 0
    assert registry.get_sample_value(duration, {**LABELS, "protocol": "v1-stream"}) is None


def test_a_protocol_that_answers_a_wrong_body_with_400_has_no_series_for_422(
    registry: CollectorRegistry, catalog: MetricCatalog
) -> None:
    InferenceObserver(catalog, Protocols(("v1", "v2"), without_422=("v2",))).version_ready("tiny", "1")
    assert [requests(registry, code, protocol="v2") for code in (400, 422)] == [0, None]
    assert [requests(registry, code, protocol="v1") for code in (400, 422)] == [0, 0]


def test_pieces_are_counted_by_result_and_timed_from_the_arrival_or_from_the_piece_before(
    registry: CollectorRegistry, catalog: MetricCatalog, observer: InferenceObserver
) -> None:
    observer.version_ready("tiny", "1")
    results = ("prediction", "error")
    assert [of_tiny(registry, "stream_pieces_total", result=each) for each in results] == [0, 0]
    for seconds, first, failed in ((0.5, True, False), (0.25, False, True), (0.25, False, False)):
        observer.piece_streamed(PieceReport("tiny", "1", seconds, first, failed))
    catalog.observations.count()
    assert [of_tiny(registry, "stream_pieces_total", result=each) for each in results] == [2, 1]
    assert [of_tiny(registry, f"stream_first_piece_seconds_{each}") for each in ("count", "sum")] == [1, 0.5]
    assert [of_tiny(registry, f"stream_piece_interval_seconds_{each}") for each in ("count", "sum")] == [2, 0.5]
