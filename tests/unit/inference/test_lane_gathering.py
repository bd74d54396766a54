"""A quick batch that is due waits for another turn of the loop as long as each turn brings it company."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.batch_queue import BatchQueue

from tests.doubles.models import PoisonedModel
from tests.unit.inference.conftest import Bench, Client, OpenBench

INLINE = 100


def test_what_comes_in_the_turns_after_shares_the_batch(open_bench: OpenBench) -> None:
    model = PoisonedModel(INLINE)
    bench = open_bench(model, max_rows=8)
    clients = [bench.ask(1), bench.ask(2)]
    in_the_next_turns(bench, *(asks(bench, clients, number) for number in (3, 4, 5)))
    bench.loop.settle()
    assert model.seen == [[1, 2, 3, 4, 5]]
    assert [client.end for client in clients] == [[-1], [-2], [-3], [-4], [-5]]
    assert not any(client.watched for client in clients)


def test_a_request_that_is_alone_waits_for_nobody(open_bench: OpenBench) -> None:
    model = PoisonedModel(INLINE)
    bench = open_bench(model)
    clients = [bench.ask(1)]
    in_the_next_turns(bench, asks(bench, clients, 2))
    bench.loop.settle()
    assert model.seen == [[1], [2]]


def test_a_full_batch_waits_for_nobody(open_bench: OpenBench) -> None:
    model = PoisonedModel(INLINE)
    bench = open_bench(model, max_rows=2)
    clients = [bench.ask(1), bench.ask(2)]
    in_the_next_turns(bench, asks(bench, clients, 3))
    bench.loop.settle()
    assert model.seen == [[1, 2], [3]]


def test_a_batch_that_as_many_again_would_make_too_long_for_the_loop_waits_for_nobody(open_bench: OpenBench) -> None:
    model = PoisonedModel(inline_rows=3)
    bench = open_bench(model)
    clients = [bench.ask(1), bench.ask(2)]
    in_the_next_turns(bench, asks(bench, clients, 3))
    bench.loop.settle()
    assert model.seen == [[1, 2], [3]]


def test_where_more_come_than_the_loop_may_run_they_are_watched_and_run_elsewhere(open_bench: OpenBench) -> None:
    model = PoisonedModel(inline_rows=4)
    bench = open_bench(model, max_rows=8)
    clients = [bench.ask(1), bench.ask(2)]
    in_the_next_turns(bench, lambda: clients.extend(bench.ask(number) for number in (3, 4, 5)))
    bench.loop.settle()
    assert (model.seen, len(bench.executor.pending)) == ([], 1)
    assert all(client.watched for client in clients)
    bench.run_next()
    assert model.seen == [[1, 2, 3, 4, 5]]


def test_turns_that_take_long_are_not_waited_for(open_bench: OpenBench) -> None:
    model = PoisonedModel(INLINE)
    bench = open_bench(model, max_rows=8)
    clients = [bench.ask(1), bench.ask(2)]
    in_the_next_turns(bench, lambda: setattr(bench.loop, "now", bench.loop.now + 0.006), asks(bench, clients, 3))
    bench.loop.settle()
    assert model.seen == [[1, 2], [3]]


def test_who_leaves_or_is_late_in_the_meantime_is_not_computed(open_bench: OpenBench) -> None:
    model = PoisonedModel(INLINE)
    bench = open_bench(model, max_rows=8)
    cancelled, late, stays = bench.ask(1), bench.ask(2, patience=0.001), bench.ask(3)
    clients: list[Client] = []
    in_the_next_turns(
        bench, asks(bench, clients, 4), cancelled.cancel, lambda: setattr(bench.loop, "now", bench.loop.now + 0.002)
    )
    bench.loop.settle()
    assert model.seen == [[3, 4]]
    assert (cancelled.end, late.end, stays.end) == ("cancelled", "DeadlineExceeded", [-3])


def test_only_what_may_join_the_batch_that_is_next_counts_as_its_company() -> None:
    queue = BatchQueue(PoisonedModel(any_length=True).new_batch, BatchLimits(max_rows=8, max_wait_seconds=0.0))
    assert queue.gathering() is None
    for length in (1, 2, 2):
        entry = queue.reserve(1, None, ((length,),))  # type: ignore[arg-type]  # nobody waits for it
        queue.commit(entry, now=float(length), deadline=100.0)
    batch = queue.gathering()
    assert batch is not None
    assert [entry.inputs["x"].shape for entry in batch.entries] == [(1, 1)]


def asks(bench: Bench, clients: list[Client], number: float) -> Callable[[], None]:
    """Have one more ask."""
    return lambda: clients.append(bench.ask(number))


def in_the_next_turns(bench: Bench, *happens: Callable[[], object]) -> None:
    """Each in a turn of the loop of its own."""
    if happens:
        bench.loop.call_soon(happens[0])
        bench.loop.call_soon(in_the_next_turns, bench, *happens[1:])
