"""Who shares a batch, when it runs, and where."""

from __future__ import annotations

import asyncio
import threading

import pytest
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.payloads import BatchReport

from tests.doubles.models import EchoModel, PoisonedModel, SlowModel
from tests.unit.inference.conftest import OpenBench

INLINE = 100
ELSEWHERE = 0


@pytest.mark.parametrize("inline_rows", [INLINE, ELSEWHERE])
def test_requests_that_arrive_together_share_a_batch_and_get_their_own_rows(
    open_bench: OpenBench, inline_rows: int
) -> None:
    model = PoisonedModel(inline_rows)
    bench = open_bench(model)
    clients = [bench.ask(1), bench.ask(2, 3), bench.ask(4)]
    bench.loop.settle()
    bench.run_next()
    assert model.seen == [[1, 2, 3, 4]]
    assert [client.end for client in clients] == [[-1], [-2, -3], [-4]]


def test_what_arrives_while_the_model_is_busy_forms_the_next_batches(open_bench: OpenBench) -> None:
    model = PoisonedModel()
    bench = open_bench(model)
    clients = [bench.ask_and_settle(number) for number in (1, 2, 3, 4, 5, 6)]
    while bench.run_next():
        pass
    assert model.seen == [[1], [2, 3, 4, 5], [6]]
    assert [client.end for client in clients] == [[-1], [-2], [-3], [-4], [-5], [-6]]


def test_an_idle_model_waits_for_company_as_long_as_it_may(open_bench: OpenBench) -> None:
    model = PoisonedModel(INLINE)
    bench = open_bench(model, max_wait=2.0)
    first = bench.ask_and_settle(1)
    bench.loop.advance(1.5)
    second = bench.ask_and_settle(2)
    assert [client.end for client in (first, second)] == ["waiting", "waiting"]
    bench.loop.advance(0.5)
    assert model.seen == [[1, 2]]
    assert [client.end for client in (first, second)] == [[-1], [-2]]


def test_a_full_batch_runs_without_waiting_any_longer(open_bench: OpenBench) -> None:
    model = PoisonedModel(INLINE)
    bench = open_bench(model, max_wait=1000.0)
    waiting = bench.ask_and_settle(1, 2, 3)
    assert model.seen == []
    last = bench.ask_and_settle(4)
    assert model.seen == [[1, 2, 3, 4]]
    assert [client.end for client in (waiting, last)] == [[-1, -2, -3], [-4]]


def test_a_request_that_does_not_fit_closes_the_batch_before_it(open_bench: OpenBench) -> None:
    model = PoisonedModel(INLINE)
    bench = open_bench(model, max_wait=10.0)
    first = bench.ask_and_settle(1, 2, 3)
    second = bench.ask_and_settle(4, 5)
    assert model.seen == [[1, 2, 3]]
    assert [client.end for client in (first, second)] == [[-1, -2, -3], "waiting"]
    bench.loop.advance(10.0)
    assert second.end == [-4, -5]


def test_a_request_of_more_rows_than_a_batch_may_hold_runs_alone(open_bench: OpenBench) -> None:
    model = PoisonedModel()
    bench = open_bench(model)
    clients = [bench.ask(1), bench.ask(2, 3, 4, 5, 6, 7), bench.ask(8)]
    bench.loop.settle()
    while bench.run_next():
        pass
    assert model.seen == [[1], [2, 3, 4, 5, 6, 7], [8]]
    assert [client.end for client in clients] == [[-1], [-2, -3, -4, -5, -6, -7], [-8]]


def test_a_quick_batch_runs_on_the_loop_and_one_beyond_the_inline_rows_in_the_executor(open_bench: OpenBench) -> None:
    bench = open_bench(PoisonedModel(inline_rows=2))
    quick = bench.ask_and_settle(1, 2)
    assert (quick.end, len(bench.executor.pending)) == ([-1, -2], 0)
    long = bench.ask_and_settle(1, 2, 3)
    assert (long.end, len(bench.executor.pending)) == ("waiting", 1)
    bench.run_next()
    assert long.end == [-1, -2, -3]


def test_one_batch_runs_at_a_time_even_where_the_next_is_a_quick_one(open_bench: OpenBench) -> None:
    model = PoisonedModel(inline_rows=2)
    bench = open_bench(model)
    bench.ask_and_settle(1, 2, 3)
    quick = bench.ask_and_settle(4)
    assert (quick.end, model.seen, len(bench.executor.pending)) == ("waiting", [], 1)
    bench.run_next()
    assert model.seen == [[1, 2, 3], [4]]
    assert quick.end == [-4]


def test_the_loop_gets_a_turn_between_two_quick_batches(open_bench: OpenBench) -> None:
    model = PoisonedModel(INLINE)
    bench = open_bench(model, max_rows=1)
    clients = [bench.ask(number) for number in (1, 2, 3)]
    seen_in_each_turn: list[int] = []

    def look() -> None:
        seen_in_each_turn.append(len(model.seen))
        if len(model.seen) < 3:
            bench.loop.call_soon(look)

    bench.loop.call_soon(look)
    bench.loop.settle()
    assert sorted(set(seen_in_each_turn)) == [0, 1, 2, 3]
    assert [client.end for client in clients] == [[-1], [-2], [-3]]


def test_a_request_that_is_answered_at_once_is_not_watched_and_one_that_waits_is(open_bench: OpenBench) -> None:
    bench = open_bench(PoisonedModel(inline_rows=2))
    assert bench.ask_and_settle(1).watched is False
    waiting = bench.ask_and_settle(1, 2, 3)
    assert waiting.watched
    bench.run_next()


def test_quick_requests_whose_common_batch_is_a_long_one_are_watched_all_the_same(open_bench: OpenBench) -> None:
    model = PoisonedModel(inline_rows=2)
    bench = open_bench(model)
    leaves, late, stays = bench.ask(1), bench.ask(2, patience=1.0), bench.ask(3)
    bench.loop.settle()
    assert len(bench.executor.pending) == 1
    leaves.leave()
    bench.loop.advance(1.0)
    assert (leaves.end, late.end, stays.end) == ("ClientGone", "DeadlineExceeded", "waiting")
    bench.run_next()
    assert stays.end == [-3]


def test_every_batch_is_reported_with_its_rows_its_waits_and_its_time(open_bench: OpenBench) -> None:
    bench = open_bench(max_rows=2)  # so that the second batch is full, and does not wait for the client of the first
    bench.ask_and_settle(1)
    bench.loop.advance(0.25)
    bench.ask_and_settle(2, 3)
    bench.run_next(0.25)
    bench.run_next(2.0)
    assert bench.reports == [BatchReport(1, (0.0,), 0.5, (None,)), BatchReport(2, (0.25,), 2.0, (None,))]


def test_a_batch_hands_back_what_tied_each_of_its_requests_to_a_trace(open_bench: OpenBench) -> None:
    bench = open_bench()
    bench.ask_and_settle(0)  # keeps the model at work while the others gather
    for trace in ("a trace", None, "another"):
        bench.observer.given_context = trace
        bench.ask_and_settle(1)
    bench.run_next()
    bench.run_next()
    assert [report.contexts for report in bench.reports] == [(None,), ("a trace", None, "another")]


def test_it_is_told_how_many_wait_while_the_model_is_at_work(open_bench: OpenBench) -> None:
    bench = open_bench()
    bench.ask_and_settle(1)
    assert bench.observer.waiting == [], "the first is run at once and waits for nobody"
    bench.ask_and_settle(2)
    leaves = bench.ask_and_settle(3)
    leaves.leave()
    bench.loop.settle()
    bench.run_next()
    assert bench.observer.waiting == [1, 2, 0]
    bench.run_next()
    assert bench.observer.waiting == [1, 2, 0]


async def test_without_an_executor_of_its_own_a_lane_has_one_thread() -> None:
    model = EchoModel(inline_rows=0)
    limits = LaneLimits(AdmissionLimits(100, 10_000), BatchLimits(2, 0.0))
    lane = BatchLane(model, limits)

    async def ask() -> None:
        entry = lane.reserve(1)
        await lane.answer(entry, asyncio.get_running_loop().time() + 60, asyncio.Event().wait)  # type: ignore[arg-type]

    await asyncio.gather(*(ask() for _ in range(20)))
    lane.close()
    assert len(model.threads) == 10
    assert len(set(model.threads)) == 1
    assert threading.current_thread().name not in model.threads


async def test_the_loop_turns_while_a_slow_model_runs() -> None:
    slow, quick = SlowModel(), EchoModel()
    limits = LaneLimits(AdmissionLimits(100, 10_000), BatchLimits(4, 0.0))
    lanes = [BatchLane(model, limits) for model in (slow, quick)]
    deadline = asyncio.get_running_loop().time() + 60

    async def ask(lane: BatchLane) -> None:
        await lane.answer(lane.reserve(1), deadline, asyncio.Event().wait)  # type: ignore[arg-type]

    running = asyncio.create_task(ask(lanes[0]))
    assert await asyncio.to_thread(slow.running.wait, 30)
    await ask(lanes[1])
    assert not running.done()
    slow.release.set()
    await running
    for lane in lanes:
        lane.close()
