"""The next batch of a slow model waits for the clients of the last one, which then share it."""

from __future__ import annotations

import pytest
from plimsoll.errors import Draining

from tests.doubles.models import PoisonedModel
from tests.unit.inference.conftest import Bench, OpenBench

RUN_SECONDS = 1.0
LOOK = 0.0011


@pytest.fixture
def bench(open_bench: OpenBench) -> Bench:
    """A bench on which requests 1 and 2 run, and 3 waits."""
    return with_two_running(open_bench, max_rows=8)


def with_two_running(open_bench: OpenBench, max_rows: int) -> Bench:
    """A bench on which requests 1 and 2 run, and 3 waits, with batches of so many rows."""
    bench = open_bench(PoisonedModel(), max_rows=max_rows)
    for number in (1, 2):
        bench.ask(number)
    bench.loop.settle()
    bench.ask_and_settle(3)
    return bench


def seen(bench: Bench) -> list[list[float]]:
    """The runs so far."""
    assert isinstance(bench.model, PoisonedModel)
    return bench.model.seen


def test_clients_that_ask_again_at_once_share_the_next_batch_with_those_that_waited(bench: Bench) -> None:
    bench.run_next(RUN_SECONDS)
    assert not bench.executor.pending
    clients = [bench.ask_and_settle(number) for number in (4, 5)]
    assert len(bench.executor.pending) == 1
    bench.run_next(RUN_SECONDS)
    assert seen(bench) == [[1, 2], [3, 4, 5]]
    assert [client.end for client in clients] == [[-4], [-5]]


@pytest.mark.parametrize("round_trip", [0.0, 0.0025])
def test_two_groups_of_clients_become_one_and_stay_one(open_bench: OpenBench, round_trip: float) -> None:
    bench = open_bench(PoisonedModel(), max_rows=16)
    clients = {bench.ask_and_settle(number): number for number in range(1, 4)}
    bench.run_next(RUN_SECONDS)
    clients |= {bench.ask_and_settle(number): number for number in range(4, 9)}
    for _ in range(8):
        if not bench.executor.pending:
            bench.loop.advance(LOOK)
        bench.run_next(RUN_SECONDS)
        bench.loop.advance(round_trip)
        back = {client: number for client, number in clients.items() if client.end != "waiting"}
        clients = {client: number for client, number in clients.items() if client not in back}
        clients |= {bench.ask_and_settle(number): number for number in back.values()}
    assert [len(numbers) for numbers in seen(bench)[-6:]] == [8] * 6


def test_it_starts_without_clients_that_do_not_come_back(bench: Bench) -> None:
    bench.run_next(RUN_SECONDS)
    looks = 0
    while not bench.executor.pending:
        bench.loop.advance(LOOK)
        looks += 1
        assert looks < 1000
    assert looks * LOOK < RUN_SECONDS / 2
    bench.run_next(RUN_SECONDS)
    assert seen(bench) == [[1, 2], [3]]


def test_a_full_batch_does_not_wait_for_more(open_bench: OpenBench) -> None:
    bench = with_two_running(open_bench, max_rows=2)
    bench.run_next(RUN_SECONDS)
    assert not bench.executor.pending
    bench.ask_and_settle(4)
    assert len(bench.executor.pending) == 1


def test_a_batch_that_was_full_before_does_not_wait(open_bench: OpenBench) -> None:
    bench = open_bench(PoisonedModel(), max_rows=2)
    for number in (1, 2, 3, 4):
        bench.ask(number)
    bench.loop.settle()
    bench.run_next(RUN_SECONDS)
    assert len(bench.executor.pending) == 1


def test_a_lone_client_is_run_at_once(open_bench: OpenBench) -> None:
    bench = open_bench(PoisonedModel())
    for number in range(1, 20):
        bench.ask_and_settle(number)
        assert bench.run_next(RUN_SECONDS)
    assert len(seen(bench)) == 19


def test_a_request_whose_time_is_over_during_the_wait_is_not_computed(bench: Bench) -> None:
    late = bench.ask_and_settle(4, patience=RUN_SECONDS + LOOK / 2)
    bench.run_next(RUN_SECONDS)
    bench.loop.advance(LOOK)
    assert late.end == "DeadlineExceeded"
    for number in (5, 6):
        bench.ask_and_settle(number)
    bench.run_next(RUN_SECONDS)
    assert seen(bench) == [[1, 2], [3, 5, 6]]


def test_who_waits_when_the_lane_is_closed_is_refused(bench: Bench) -> None:
    waiting = bench.ask_and_settle(4)
    bench.run_next(RUN_SECONDS)
    bench.lane.close()
    bench.loop.advance(RUN_SECONDS)
    assert isinstance(waiting.error, Draining)


def test_a_drain_answers_who_waits(bench: Bench) -> None:
    waiting = bench.ask_and_settle(4)
    drained = bench.loop.create_task(bench.lane.drain())
    bench.run_next(RUN_SECONDS)
    bench.loop.advance(RUN_SECONDS)
    bench.run_next(RUN_SECONDS)
    assert waiting.end == [-4]
    assert drained.done()
