"""How a request ends that nobody waits for any more, that is late, or that a full or closing lane cannot take."""

from __future__ import annotations

import pytest
from plimsoll.errors import Overloaded

from tests.doubles.models import POISON, PoisonedModel
from tests.unit.inference.conftest import Bench, OpenBench

INLINE = 100


def refused(bench: Bench) -> Overloaded:
    client = bench.ask_and_settle(0)
    assert client.end == "Overloaded"
    assert isinstance(client.error, Overloaded)
    return client.error


@pytest.mark.parametrize("how", ["leave", "cancel"])
def test_a_request_whose_client_has_gone_while_it_was_queued_is_not_computed(open_bench: OpenBench, how: str) -> None:
    model = PoisonedModel()
    bench = open_bench(model)
    bench.ask_and_settle(1)
    gone, stays = bench.ask_and_settle(2, 3), bench.ask_and_settle(4)
    getattr(gone, how)()
    bench.loop.settle()
    assert gone.end == ("ClientGone" if how == "leave" else "cancelled")
    assert bench.lane.admission.requests_in_flight == 2
    while bench.run_next():
        pass
    assert model.seen == [[1], [4]]
    assert stays.end == [-4]


@pytest.mark.parametrize("how", ["leave", "cancel"])
def test_a_request_whose_client_goes_while_it_is_computed_ends_and_its_neighbours_are_answered(
    open_bench: OpenBench, how: str
) -> None:
    bench = open_bench()
    gone, stays = bench.ask(1), bench.ask(2, 3)
    bench.loop.settle()
    getattr(gone, how)()
    bench.loop.settle()
    assert gone.end == ("ClientGone" if how == "leave" else "cancelled")
    bench.run_next()
    assert stays.end == [-2, -3]


@pytest.mark.parametrize("inline_rows", [INLINE, 1, 0])
def test_a_request_that_is_cancelled_in_the_turn_in_which_it_came_ends_and_the_others_do_not(
    open_bench: OpenBench, inline_rows: int
) -> None:
    bench = open_bench(PoisonedModel(inline_rows))
    client, neighbour = bench.ask(1), bench.ask(2)
    bench.loop.call_soon(client.cancel)
    bench.loop.settle()
    bench.run_next()
    assert (client.end, neighbour.end) == ("cancelled", [-2])
    assert bench.lane.admission.requests_in_flight == 0


def test_a_whole_batch_of_the_gone_is_passed_over(open_bench: OpenBench) -> None:
    model = PoisonedModel()
    bench = open_bench(model)
    bench.ask_and_settle(1)
    for client in [bench.ask_and_settle(number) for number in (2, 3, 4, 5)]:
        client.leave()
    stays = bench.ask_and_settle(6)
    while bench.run_next():
        pass
    assert model.seen == [[1], [6]]
    assert stays.end == [-6]


def test_a_queued_request_is_told_at_its_deadline_while_the_model_is_still_busy(open_bench: OpenBench) -> None:
    model = PoisonedModel()
    bench = open_bench(model)
    bench.ask_and_settle(1)
    late = bench.ask_and_settle(2, patience=1.0)
    bench.loop.advance(0.75)
    assert late.end == "waiting"
    bench.loop.advance(0.25)
    assert late.end == "DeadlineExceeded"
    while bench.run_next():
        pass
    assert model.seen == [[1]]


def test_a_request_is_told_at_its_deadline_while_it_is_computed_itself(open_bench: OpenBench) -> None:
    bench = open_bench()
    late, stays = bench.ask(1, patience=1.0), bench.ask(2)
    bench.loop.settle()
    bench.loop.advance(1.0)
    assert late.end == "DeadlineExceeded"
    bench.run_next()
    assert (late.end, stays.end) == ("DeadlineExceeded", [-2])


@pytest.mark.parametrize("inline_rows", [INLINE, 0])
@pytest.mark.parametrize("patience", [0.0, -5.0])
def test_a_request_that_is_late_when_it_comes_is_not_computed(
    open_bench: OpenBench, inline_rows: int, patience: float
) -> None:
    model = PoisonedModel(inline_rows)
    bench = open_bench(model)
    assert bench.ask_and_settle(1, patience=patience).end == "DeadlineExceeded"
    assert not bench.run_next()
    assert model.seen == []


def test_a_request_whose_time_is_shorter_than_the_wait_for_company_is_late(open_bench: OpenBench) -> None:
    model = PoisonedModel(INLINE)
    bench = open_bench(model, max_wait=10.0)
    client = bench.ask_and_settle(1, patience=1.0)
    bench.loop.advance(10.0)
    assert client.end == "DeadlineExceeded"
    assert model.seen == []


def test_a_full_lane_refuses_and_takes_more_as_soon_as_one_has_ended(open_bench: OpenBench) -> None:
    bench = open_bench(requests=2)
    first, second = bench.ask(1), bench.ask(2)
    bench.loop.settle()
    refused(bench)
    first.leave()
    bench.loop.settle()
    third = bench.ask_and_settle(3)
    refused(bench)
    while bench.run_next():
        pass
    assert (second.end, third.end) == ([-2], [-3])


@pytest.mark.parametrize(("seconds", "waiting", "told"), [(0.1, 3, 1), (2.0, 3, 6), (2.5, 3, 8), (50.0, 3, 60)])
def test_who_is_refused_is_told_how_long_what_is_in_flight_takes_by_what_requests_cost_of_late(
    open_bench: OpenBench, seconds: float, waiting: int, told: int
) -> None:
    bench = open_bench(requests=waiting)
    bench.ask_and_settle(1)
    bench.run_next(seconds)
    for number in range(waiting):
        bench.ask_and_settle(number)
    assert refused(bench).retry_after_seconds == told


def test_the_cost_of_a_request_is_its_part_of_a_batch(open_bench: OpenBench) -> None:
    bench = open_bench(requests=4)
    for number in (1, 2, 3, 4):
        bench.ask(number)
    bench.loop.settle()
    bench.run_next(8.0)
    for number in (1, 2, 3, 4):
        bench.ask_and_settle(number)
    assert refused(bench).retry_after_seconds == 8


def test_what_requests_cost_follows_the_newest(open_bench: OpenBench) -> None:
    bench = open_bench(requests=1)
    told: list[int] = []
    for seconds in (1.0, *[11.0] * 30):
        bench.ask_and_settle(1)
        told.append(refused(bench).retry_after_seconds or 0)
        bench.run_next(seconds)
    assert told[:4] == [1, 1, 3, 5]
    assert told[-1] == 11
    assert told == sorted(told)


def test_before_anything_was_measured_a_client_is_told_to_wait_a_second(open_bench: OpenBench) -> None:
    bench = open_bench(requests=1)
    bench.ask_and_settle(1)
    assert refused(bench).retry_after_seconds == 1


def test_draining_lets_nobody_in_and_waits_until_everyone_inside_is_answered(open_bench: OpenBench) -> None:
    bench = open_bench()
    inside, queued = bench.ask_and_settle(1), bench.ask_and_settle(2)
    draining = bench.loop.create_task(bench.lane.drain())
    bench.loop.settle()
    assert bench.ask_and_settle(3).end == "Draining"
    bench.run_next()
    assert (inside.end, draining.done()) == ([-1], False)
    bench.run_next()
    assert (queued.end, draining.done()) == ([-2], True)
    bench.lane.close()


def test_closing_while_the_model_runs_ends_everyone_who_waits(open_bench: OpenBench) -> None:
    model = PoisonedModel()
    bench = open_bench(model, max_rows=1)
    running, queued, last = bench.ask_and_settle(1), bench.ask_and_settle(2), bench.ask_and_settle(3)
    future, work, arguments = bench.executor.pending.popleft()  # the thread has begun with it
    assert future.set_running_or_notify_cancel()
    bench.lane.close()
    future.set_result(work(*arguments))
    bench.loop.settle()
    assert (running.end, queued.end, last.end) == ([-1], "Draining", "Draining")
    assert model.seen == [[1]]
    assert bench.ask_and_settle(4).end == "Draining"
    assert bench.lane.admission.requests_in_flight == 0


def test_closing_before_the_thread_has_begun_ends_everyone_too(open_bench: OpenBench) -> None:
    model = PoisonedModel()
    bench = open_bench(model, max_rows=1)
    clients = [bench.ask_and_settle(number) for number in (1, 2)]
    bench.lane.close()
    bench.loop.settle()
    assert [client.end for client in clients] == ["Draining", "Draining"]
    assert model.seen == []


def test_closing_during_the_retries_of_a_batch_ends_everyone_in_it(open_bench: OpenBench) -> None:
    bench = open_bench()
    clients = [bench.ask(1), bench.ask(POISON), bench.ask(3)]
    bench.loop.settle()
    bench.run_next()
    bench.run_next()
    assert [client.end for client in clients] == [[-1], "waiting", "waiting"]
    bench.lane.close()
    bench.loop.settle()
    assert [client.end for client in clients] == [[-1], "Draining", "Draining"]


def test_a_quick_model_answers_on_after_closing_since_it_needs_no_thread(open_bench: OpenBench) -> None:
    bench = open_bench(PoisonedModel(INLINE))
    bench.lane.close()
    assert bench.ask_and_settle(1).end == [-1]
