from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.telemetry.inference_observer import InFlight
from plimsoll.telemetry.metric_catalog import MetricCatalog
from prometheus_client import CollectorRegistry, Counter, Gauge

from tests.unit.eventually import eventually

SECONDS = "plimsoll_request_in_flight_seconds_total"
COUNT = "plimsoll_requests_in_flight"


class Clock:
    """Stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Line:
    """Requests that come and go on a clock of their own, and what a scrape reads of them."""

    def __init__(self, *, many_processes: bool = False) -> None:
        self.registry = CollectorRegistry()
        self.clock = Clock()
        self.catalog = MetricCatalog(self.registry, 0.1, many_processes=many_processes)
        self.requests = InFlight(self.catalog, self.clock)

    def scraped(self, metric: str) -> float | None:
        """The value at a scrape now."""
        return self.registry.get_sample_value(metric)

    def told(self) -> float:
        """The seconds that have been told without a scrape, as other processes read them."""
        return self._read(self.catalog.requests.in_flight_seconds)

    def shown(self) -> float:
        """The number in flight as other processes read it."""
        return self._read(self.catalog.requests.in_flight)

    @staticmethod
    def _read(collector: Counter | Gauge) -> float:
        (metric,) = collector.collect()
        return metric.samples[0].value


def test_the_sum_is_there_from_the_start() -> None:
    assert Line().scraped(SECONDS) == 0


def test_every_request_counts_for_as_long_as_it_is_in_flight() -> None:
    line = Line()
    line.requests.enter()
    line.clock.now += 2
    line.requests.enter()
    line.clock.now += 3
    line.requests.leave()
    line.clock.now += 5
    line.requests.leave()
    line.clock.now += 100
    assert line.scraped(SECONDS) == pytest.approx(2 + 2 * 3 + 5)


def test_a_request_that_has_not_ended_counts_up_to_the_scrape() -> None:
    line = Line()
    line.requests.enter()
    for seconds in (1.5, 60, 0.25):
        before = line.scraped(SECONDS)
        assert before is not None
        line.clock.now += seconds
        assert line.scraped(SECONDS) == pytest.approx(before + seconds)
    assert line.scraped(COUNT) == 1


@given(st.lists(st.tuples(st.sampled_from(["enter", "leave", "scrape"]), st.floats(0, 10)), max_size=60))
def test_between_two_scrapes_it_grows_by_the_mean_in_flight(steps: list[tuple[str, float]]) -> None:
    line = Line()
    count, expected, last = 0, 0.0, 0.0
    for what, seconds in steps:
        if what == "enter":
            line.requests.enter()
            count += 1
        elif what == "leave" and count:
            line.requests.leave()
            count -= 1
        elif what == "scrape":
            scraped = line.scraped(SECONDS)
            assert scraped is not None
            assert scraped == pytest.approx(expected)
            assert scraped >= last
            last = scraped
        line.clock.now += seconds
        expected += count * seconds
    assert line.scraped(SECONDS) == pytest.approx(expected)


async def test_one_of_several_processes_tells_of_a_request_that_hangs_without_being_asked() -> None:
    line = Line(many_processes=True)
    line.requests.enter()
    line.clock.now += 7
    await eventually(lambda: line.told() == pytest.approx(7))
    line.requests.leave()
    line.requests.enter()
    line.clock.now += 2
    await eventually(lambda: line.told() == pytest.approx(9))


async def test_one_of_several_processes_shows_its_number_after_each_turn_of_the_event_loop() -> None:
    line = Line(many_processes=True)
    seen = []
    for step in ("+++", "+-", "---", "+-"):
        for each in step:
            line.requests.enter() if each == "+" else line.requests.leave()
        await asyncio.sleep(0)
        seen.append(line.shown())
    assert seen == [3, 3, 0, 0]


async def test_a_request_within_one_turn_of_the_event_loop_is_told_of_too() -> None:
    line = Line(many_processes=True)
    line.requests.enter()
    line.clock.now += 0.5
    line.requests.leave()
    await eventually(lambda: line.told() == pytest.approx(0.5))
