"""A failure belongs to the request that caused it, and the lane goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from plimsoll.errors import ModelFailed, OutOfDeviceMemory
from plimsoll.inference.payloads import Tensors

from tests.doubles.models import POISON, PoisonedModel
from tests.unit.inference.conftest import Client, OpenBench, workbench

INLINE = 100
ELSEWHERE = 0
Spoil = Callable[[NDArray[Any]], dict[str, Any]]


class MisshapenModel(PoisonedModel):
    """Spoils its outputs wherever one of the numbers is 2."""

    def __init__(self, spoil: Spoil, inline_rows: int = ELSEWHERE) -> None:
        super().__init__(inline_rows)
        self._spoil = spoil

    def run(self, inputs: Tensors) -> Tensors:
        answer = super().run(inputs)
        return self._spoil(answer["y"]) if 2 in inputs["x"] else answer


class RaisingModel(PoisonedModel):
    """Raises the same error for everything."""

    def __init__(self, error: BaseException, inline_rows: int = ELSEWHERE) -> None:
        super().__init__(inline_rows)
        self._error = error

    def run(self, inputs: Tensors) -> Tensors:
        self.seen.append(inputs["x"][:, 0].tolist())
        raise self._error


class SociableModel(PoisonedModel):
    """Fails on two rows or more."""

    def run(self, inputs: Tensors) -> Tensors:
        if len(inputs["x"]) > 1:
            raise RuntimeError("too many of you")
        return super().run(inputs)


class Panic(BaseException):
    """No `Exception`, as the panics of Rust are none."""


ERRORS = [
    RuntimeError(), StopIteration(), StopAsyncIteration(), KeyError("x"), MemoryError(), RecursionError(),
    TimeoutError(), SystemExit("bad input"), SystemExit(0), KeyboardInterrupt(), GeneratorExit(),
    asyncio.CancelledError(), Panic("rust"),
]  # fmt: skip
SPOILT: dict[str, Spoil] = {
    "no row": lambda y: {"y": y[:0]},
    "a row too few": lambda y: {"y": y[1:]},
    "a row too many": lambda y: {"y": np.vstack([y, y[:1]])},
    "no rows at all": lambda y: {"y": y.sum()},
    "no columns": lambda y: {"y": y[:, 0]},
    "a column too many": lambda y: {"y": np.hstack([y, y])},
    "another datatype": lambda y: {"y": y.astype(np.float32)},
    "another name": lambda y: {"z": y},
    "no array": lambda y: {"y": y.tolist()},
}


def error_of(client: Client) -> tuple[str, int | None]:
    assert isinstance(client.error, ModelFailed)
    return client.error.message, client.error.index


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
    assert model.seen == [[1, 2, POISON, 3], [1], [2, POISON], [3], [2], [POISON]]
    assert (good.end, bad.end, also_good.end) == ([-1], "ModelFailed", [-3])
    assert error_of(bad) == ("the model failed on row 1", 1)
    assert bench.ask_and_settle(4).end in ([-4], "waiting")
    bench.run_next()
    assert model.seen[6:] == [[4]]


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


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("inline_rows", [INLINE, ELSEWHERE])
@pytest.mark.parametrize("requests", [1, 3])
def test_whatever_a_model_raises_every_request_ends_and_the_lane_goes_on(
    open_bench: OpenBench, error: BaseException, inline_rows: int, requests: int
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


@pytest.mark.parametrize("spoil", SPOILT, ids=str)
@pytest.mark.parametrize("inline_rows", [INLINE, ELSEWHERE])
def test_outputs_that_break_the_signature_fail_the_request_that_they_come_from_and_no_other(
    open_bench: OpenBench, spoil: str, inline_rows: int
) -> None:
    bench = open_bench(MisshapenModel(SPOILT[spoil], inline_rows))
    for _ in range(2):
        good, bad, also_good = bench.ask(1), bench.ask(2), bench.ask(3, 4)
        bench.loop.settle()
        while bench.run_next():
            pass
        assert (good.end, bad.end, also_good.end) == ([-1], "ModelFailed", [-3, -4])


@pytest.mark.parametrize("inline_rows", [INLINE, ELSEWHERE])
def test_of_a_request_of_several_rows_the_row_with_the_wrong_output_is_named(
    open_bench: OpenBench, inline_rows: int
) -> None:
    bench = open_bench(MisshapenModel(lambda y: {"y": y.astype(np.float32)}, inline_rows))
    client = bench.ask_and_settle(3, 4, 2, 5)
    while bench.run_next():
        pass
    error = client.error
    assert isinstance(error, ModelFailed)
    assert (error.message, error.expected, error.given, error.index) == (
        "the model gave an output 'y' that does not fit its signature",
        "FP64 of shape [1, 1]", "float32 of shape [1, 1]", 2,
    )  # fmt: skip


@given(rows=st.integers(2, 100), data=st.data())
def test_the_row_at_fault_is_found_in_few_runs(rows: int, data: st.DataObject) -> None:
    wrong = data.draw(st.sets(st.integers(0, rows - 1), min_size=1))
    model = PoisonedModel()
    with workbench() as open_bench:
        bench = open_bench(model)
        client = bench.ask_and_settle(*(POISON if row in wrong else 1.0 for row in range(rows)))
        while bench.run_next():
            pass
        assert isinstance(client.error, ModelFailed)
        assert client.error.index in wrong
    assert len(model.seen) <= 9
    assert sum(len(seen) for seen in model.seen[1:]) <= rows + 1


def test_where_no_row_fails_alone_none_is_named(open_bench: OpenBench) -> None:
    bench = open_bench(SociableModel())
    client = bench.ask_and_settle(1, 2, 3)
    while bench.run_next():
        pass
    assert error_of(client) == ("the model failed on this request", None)


def test_the_row_at_fault_is_not_looked_for_when_nobody_waits(open_bench: OpenBench) -> None:
    model = PoisonedModel()
    bench = open_bench(model)
    client = bench.ask_and_settle(1, 2, 3, POISON, patience=1.0)
    bench.run_next()
    bench.loop.advance(1.0)
    while bench.run_next():
        pass
    assert client.end == "DeadlineExceeded"
    assert len(model.seen) == 2


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
