"""Observations are counted together, and none too late, twice or never."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.inference.payloads import BatchReport
from plimsoll.inference.ports import Outcome
from plimsoll.telemetry.inference_observer import InferenceObserver, VersionObserver
from plimsoll.telemetry.metric_catalog import MetricCatalog
from plimsoll.telemetry.observations import Observations
from prometheus_client import CollectorRegistry, Counter, generate_latest

from tests.unit.eventually import eventually

ANSWERED = Outcome("v1", "tiny", "1", 200, 0.01, "")
MOST_THAT_WAIT = 200
"""Generously: what is bound is that it is bounded."""


@given(st.lists(st.sampled_from(["seen", "read"]), max_size=600))
def test_each_is_counted_once_in_order_and_all_before_the_registry_is_read(steps: list[str]) -> None:
    registry = CollectorRegistry()
    observations = Observations()
    registry.register(observations)
    counted: list[int] = []
    seen = 0
    for step in steps:
        if step == "seen":
            observations.add(counted.extend, seen)
            seen += 1
            assert seen - len(counted) <= MOST_THAT_WAIT
        else:
            list(registry.collect())
            assert counted == list(range(seen))
    observations.count()
    assert counted == list(range(seen))


def test_a_scrape_shows_what_was_seen_just_before_it() -> None:
    catalog = MetricCatalog(CollectorRegistry(), 0.1)
    observer, tiny = InferenceObserver(catalog), VersionObserver(catalog, "tiny", "1", 8)
    observer.request_started()
    observer.request_finished(ANSWERED)
    tiny.batch_finished(BatchReport(3, (0.5,), 0.25, (None,)))
    text = generate_latest(catalog.registry).decode()
    for line in (
        'plimsoll_requests_total{code="200",model="tiny",protocol="v1",version="1"} 1.0',
        'plimsoll_request_duration_seconds_count{model="tiny",protocol="v1",version="1"} 1.0',
        'plimsoll_queue_wait_seconds_sum{model="tiny",version="1"} 0.5',
        'plimsoll_batch_size_sum{model="tiny",version="1"} 3.0',
    ):
        assert line in text


async def test_where_other_processes_read_they_are_counted_unasked() -> None:
    observations = Observations(within_seconds=0.001)
    counted: list[str] = []
    for number in range(2):
        observations.add(counted.extend, f"first {number}")
    assert counted == []
    await eventually(lambda: len(counted) == 2)
    observations.add(counted.extend, "later")
    await eventually(lambda: len(counted) == 3)


def test_one_that_cannot_be_counted_does_not_take_the_others_along() -> None:
    observations = Observations()
    counted: list[int] = []

    def fail(_: list[int]) -> None:
        raise OSError("the disk is full")

    observations.add(counted.extend, 1)
    observations.add(fail, 2)
    observations.add(counted.extend, 3)
    with pytest.raises(OSError, match="full"):
        observations.count()
    assert counted == [1, 3]


def test_threads_that_read_at_once_count_nothing_twice() -> None:
    registry = CollectorRegistry()
    observations = Observations()
    registry.register(observations)
    counter = Counter("seen", "Seen.", registry=registry)
    stop = threading.Event()

    def count(seen: list[int]) -> None:
        counter.inc(sum(seen))

    def read() -> None:
        while not stop.is_set():
            registry.get_sample_value("seen_total")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(20_000):
        observations.add(count, 1)
    stop.set()
    for reader in readers:
        reader.join(60)
    assert registry.get_sample_value("seen_total") == 20_000
