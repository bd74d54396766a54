"""A failure belongs to the request that caused it, and the lane goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from service.errors import OutOfDeviceMemory
from service.inference.payloads import Tensors
from tests.doubles.models import POISON, PoisonedModel
from tests.unit.inference.conftest import OpenBench

INLINE = 100
ELSEWHERE = 0


class MisshapenModel(PoisonedModel):
    """Gives outputs of the wrong number of rows for the calls that `wrong` names, counted from 0."""

    def __init__(self, outputs: Any, *wrong: int, inline_rows: int = ELSEWHERE) -> None:
        super().__init__(inline_rows)
        self._outputs = outputs
        self._wrong = wrong

    def run(self, inputs: Tensors) -> Tensors:
        wrong = len(self.seen) in self._wrong
        answer = super().run(inputs)
        return {"y": np.asarray(self._outputs, np.float64)} if wrong else answer


class RaisingModel(PoisonedModel):
    """Raises the same error for everything."""

    def __init__(self, error: Exception, inline_rows: int = ELSEWHERE) -> None:
        super().__init__(inline_rows)
        self._error = error

    def run(self, inputs: Tensors) -> Tensors:
        self.seen.append(inputs["x"][:, 0].tolist())
        raise self._error


@pytest.mark.parametrize("inline_rows", [INLINE, ELSEWHERE])
def test_a_poisonous_request_fails_alone_and_its_neighbours_are_answered_after_one_more_run_each(
    open_bench: OpenBench, inline_rows: int
) -> None:
    model = PoisonedModel(inline_rows)
    bench = open_bench(model)
    good, bad, also_good = bench.ask(1), bench.ask(2, POISON), bench.ask(3)
    bench.loop.settle()
    while bench.run_next():
        pass
    assert model.seen == [[1, 2, POISON, 3], [1], [2, POISON], [3]]
    assert (good.end, bad.end, also_good.end) == ([-1], "ModelFailed", [-3])
    assert bench.ask_and_settle(4).end in ([-4], "waiting")
    bench.run_next()
    assert model.seen[4:] == [[4]]


def test_a_request_that_fails_alone_is_not_run_again(open_bench: OpenBench) -> None:
    model = PoisonedModel()
    bench = open_bench(model)
    bad = bench.ask_and_settle(POISON)
    bench.run_next()
    assert bad.end == "ModelFailed"
    assert model.seen == [[POISON]]


def test_words_of_the_model_are_the_cause_of_the_error_and_not_its_words(open_bench: OpenBench) -> None:
    bench = open_bench(RaisingModel(ValueError("weights at /srv/secret")))
    client = bench.ask_and_settle(1)
    bench.run_next()
    assert "secret" not in str(client.error)
    assert client.error is not None
    assert "weights at /srv/secret" in str(client.error.__cause__)


def test_an_error_that_is_meant_for_clients_reaches_them_as_it_is(open_bench: OpenBench) -> None:
    bench = open_bench(RaisingModel(OutOfDeviceMemory("it does not fit")))
    clients = [bench.ask(1), bench.ask(2)]
    bench.loop.settle()
    while bench.run_next():
        pass
    assert [client.end for client in clients] == ["OutOfDeviceMemory"] * 2
    assert [str(client.error) for client in clients] == ["it does not fit"] * 2


@pytest.mark.parametrize("error", [RuntimeError(), StopIteration(), KeyError("x"), MemoryError(), TimeoutError()])
@pytest.mark.parametrize("inline_rows", [INLINE, ELSEWHERE])
@pytest.mark.parametrize("requests", [1, 3])
def test_whatever_a_model_raises_every_request_ends_and_the_lane_goes_on(
    open_bench: OpenBench, error: Exception, inline_rows: int, requests: int
) -> None:
    model = RaisingModel(error, inline_rows)
    bench = open_bench(model)
    for _ in range(2):
        clients = [bench.ask(number) for number in range(1, requests + 1)]
        bench.loop.settle()
        while bench.run_next():
            pass
        assert [client.end for client in clients] == ["ModelFailed"] * requests
    assert bench.lane.admission.requests_in_flight == 0


@pytest.mark.parametrize("outputs", [[], [[1.0]], [[1.0]] * 5, 1.0])
@pytest.mark.parametrize("inline_rows", [INLINE, ELSEWHERE])
def test_outputs_of_another_number_of_rows_fail_their_batch_and_not_the_next(
    open_bench: OpenBench, outputs: Any, inline_rows: int
) -> None:
    bench = open_bench(MisshapenModel(outputs, 0, inline_rows=inline_rows))
    clients = [bench.ask(1), bench.ask(2, 3)]
    bench.loop.settle()
    bench.run_next()
    assert [client.end for client in clients] == ["ModelFailed"] * 2
    assert bench.reports == []
    next_one = bench.ask_and_settle(4)
    bench.run_next()
    assert next_one.end == [-4]


def test_outputs_of_another_number_of_rows_are_found_in_a_retry_too(open_bench: OpenBench) -> None:
    bench = open_bench(MisshapenModel([[1.0]] * 3, 1))
    clients = [bench.ask(1), bench.ask(POISON), bench.ask(3)]
    bench.loop.settle()
    while bench.run_next():
        pass
    assert [client.end for client in clients] == ["ModelFailed", "ModelFailed", [-3]]


def test_every_run_is_reported_with_whether_it_failed(open_bench: OpenBench) -> None:
    bench = open_bench()
    for number in (1, POISON, 3):
        bench.ask(number)
    bench.loop.settle()
    while bench.run_next(0.5):
        pass
    runs = [(report.rows, report.forward_seconds, report.failed) for report in bench.reports]
    assert runs == [(3, 0.5, True), (1, 0.5, False), (1, 0.5, True), (1, 0.5, False)]


def test_retries_are_not_made_for_those_who_have_left_or_are_late(open_bench: OpenBench) -> None:
    model = PoisonedModel()
    bench = open_bench(model)
    bench.ask(POISON)
    gone, late, stays = bench.ask(2), bench.ask(3, patience=1.0), bench.ask(4)
    bench.loop.settle()
    bench.run_next()
    gone.leave()
    bench.loop.advance(1.0)
    while bench.run_next():
        pass
    assert model.seen[1:] == [[POISON], [4]]
    assert (gone.end, late.end, stays.end) == ("ClientGone", "DeadlineExceeded", [-4])


def test_what_arrives_during_the_retries_runs_after_them(open_bench: OpenBench) -> None:
    model = PoisonedModel()
    bench = open_bench(model)
    bench.ask(1)
    bench.ask(POISON)
    bench.loop.settle()
    bench.run_next()
    newcomers = [bench.ask_and_settle(5), bench.ask_and_settle(6)]
    while bench.run_next():
        pass
    assert model.seen[1:] == [[1], [POISON], [5, 6]]
    assert [client.end for client in newcomers] == [[-5], [-6]]
