"""A request whose rows are answered one by one: `Line.stream` over real lanes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import ClientGone, DeadlineExceeded, InvalidInput, ModelFailed, NotFound, Overloaded
from plimsoll.fronts.v1_json import V1Json
from plimsoll.inference.admission import Permit
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Piece, Tensors
from plimsoll.inference.request_head import RequestHead
from plimsoll.inference.row_stream import stream_rows
from plimsoll.inference.served_version import ServedVersion
from plimsoll.inference.task_threads import TaskThreads, UnobservedTask
from plimsoll.own_task import Setup
from plimsoll.stores.memory_cache import MemoryCache
from plimsoll.tasks.own_task import AdaptedTask

from tests.doubles.models import EchoModel, NanModel, PoisonedModel, flat_signature
from tests.unit.eventually import eventually
from tests.unit.inference.test_line import Counting, Pairs, Versions, line_of, served


class Steps(EchoModel):
    """Runs on a thread, a batch for each call of `step`; counts the rows that have run."""

    def __init__(self) -> None:
        super().__init__(flat_signature(2, minimum=0, maximum=100), inline_rows=0)
        self.rows: list[list[float]] = []
        self._steps = asyncio.Semaphore(0)
        self._loop = asyncio.get_running_loop()

    def step(self, batches: int = 1) -> None:
        """Let that many batches run."""
        for _ in range(batches):
            self._steps.release()

    def run(self, inputs: Tensors) -> Tensors:
        """Echo, once it may."""
        asyncio.run_coroutine_threadsafe(self._steps.acquire(), self._loop).result(60)
        self.rows += inputs["x"].tolist()
        return super().run(inputs)


class Reader:
    """A client that sends one body and reads the pieces of its answer."""

    def __init__(self, rows: object, **headers: str) -> None:
        self.body = json.dumps({"instances": rows}).encode()
        self.call = Call(
            RequestHead([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])
        )
        self.gone = asyncio.Event()

    def pieces(self, version: ServedVersion, cache: MemoryCache | None = None) -> AsyncGenerator[Piece, None]:
        """The pieces, not read yet."""
        return stream_rows(line_of(Versions(version), cache=cache), self.call, V1Json(), self._read, self._stay)

    async def all(self, version: ServedVersion, cache: MemoryCache | None = None) -> list[Piece]:
        """All pieces."""
        async with asyncio.timeout(30), aclosing(self.pieces(version, cache)) as pieces:
            return [piece async for piece in pieces]

    async def _read(self, permit: Permit, _deadline: float) -> bytes:
        permit.complete(len(self.body))
        return self.body

    async def _stay(self) -> None:
        await self.gone.wait()


ROWS = [[n, n + 1] for n in range(6)]


@pytest.mark.parametrize("inline_rows", [0, 100])
async def test_each_row_ends_as_a_piece_with_the_result_that_the_whole_request_would_have_had(inline_rows: int) -> None:
    version = served(EchoModel(inline_rows=inline_rows))
    pieces = await Reader(ROWS).all(version)
    assert sorted(piece.row for piece in pieces) == list(range(6))
    for piece in pieces:
        assert piece.error is None
        assert piece.result["probabilities"].tolist() == ROWS[piece.row]
    assert version.lane.admission.requests_in_flight == 0
    version.close()


async def test_one_row_as_such_is_a_stream_of_one_piece() -> None:
    reader = Reader([])
    reader.body = b'{"features": [2, 1]}'
    version = served(EchoModel())
    assert [(piece.row, piece.result["class"]) for piece in await reader.all(version)] == [(0, "a")]


@given(bad=st.sets(st.integers(0, 9)), inline_rows=st.sampled_from([0, 100]))
async def test_a_row_out_of_bounds_fails_alone_and_is_named(bad: set[int], inline_rows: int) -> None:
    version = served(EchoModel(flat_signature(2, minimum=0, maximum=1), inline_rows=inline_rows))
    pieces = await Reader([[5 if n in bad else 0.5, 0] for n in range(10)]).all(version)
    assert sorted(piece.row for piece in pieces) == list(range(10))
    assert {piece.row for piece in pieces if piece.error is not None} == bad
    for piece in pieces:
        if piece.error is not None:
            assert isinstance(piece.error, InvalidInput)
            assert piece.error.index == piece.row
    version.close()


async def test_a_row_of_the_wrong_length_is_named_in_the_sentence_too() -> None:
    (piece,) = [each for each in await Reader([[1, 2], [1]]).all(served(EchoModel())) if each.error is not None]
    assert piece.row == 1
    assert str(piece.error) == "row 1 of instances has the wrong length"


async def test_a_row_on_which_the_model_fails_fails_alone() -> None:
    version = served(PoisonedModel())
    pieces = await Reader([[1.0], [-1.0], [3.0]]).all(version)
    failed = {piece.row: piece.error for piece in pieces if piece.error is not None}
    assert list(failed) == [1]
    assert isinstance(failed[1], ModelFailed)
    assert failed[1].index == 1
    version.close()


async def test_a_result_that_json_cannot_say_is_an_error_of_its_row() -> None:
    pieces = await Reader(ROWS[:2]).all(served(NanModel()))
    assert [piece.error.index for piece in pieces if isinstance(piece.error, ModelFailed)] == [0, 1]


async def test_a_task_of_ones_own_reads_once_and_writes_row_by_row() -> None:
    model = EchoModel()
    threads = TaskThreads(UnobservedTask())
    task = AdaptedTask(Pairs(Setup()), model.signature, None)
    version = ServedVersion("echo", "1", model.signature, task, served(model).lane, threads=threads)
    pieces = await Reader(ROWS).all(version)
    assert {piece.row: piece.result for piece in pieces} == {row: [n + 1, n] for row, (n, _) in enumerate(ROWS)}
    version.close()


async def test_no_more_rows_are_in_the_lane_than_a_batch_holds_and_others_go_between() -> None:
    model = Steps()
    version = served(model)  # of batches of 4
    pieces = Reader([[n, 0] for n in range(10)]).pieces(version)
    async with aclosing(pieces):
        first = asyncio.ensure_future(anext(pieces))
        await eventually(lambda: version.lane.forward.since is not None)
        other = asyncio.ensure_future(Reader([[99, 0]]).all(version))
        model.step(100)
        await first
        await asyncio.wait_for(other, 30)
        assert model.rows.index([99, 0]) <= 4, "the rows of the stream that had not entered stood behind it"
        rest = [piece async for piece in pieces]
    assert len(rest) == 9
    version.close()


async def test_rows_that_have_not_run_never_run_once_the_client_has_left() -> None:
    model = Steps()
    version, reader = served(model), Reader([[n, 0] for n in range(10)])
    pieces = reader.pieces(version)
    model.step()
    await anext(pieces)
    ran = len(model.rows)
    reader.gone.set()
    model.step(100)
    with pytest.raises(ClientGone):
        async for _ in pieces:
            pass
    assert version.lane.admission.requests_in_flight == 0
    await asyncio.sleep(0.05)
    assert len(model.rows) <= ran + 4, "only the batch that may have begun"
    version.close()


async def test_closing_the_generator_drops_the_rest_and_frees_the_permit() -> None:
    model = Steps()
    version = served(model)
    pieces = Reader([[n, 0] for n in range(10)]).pieces(version)
    model.step()
    await anext(pieces)
    assert version.lane.admission.requests_in_flight == 1
    await pieces.aclose()
    assert version.lane.admission.requests_in_flight == 0
    ran = len(model.rows)
    model.step(100)
    await asyncio.sleep(0.05)
    assert len(model.rows) <= ran + 4
    version.close()


async def test_a_reader_that_does_not_read_holds_one_permit_until_the_deadline_and_no_more_than_a_batch_runs() -> None:
    model = EchoModel(inline_rows=0)
    version = served(model, requests=1)
    pieces = Reader([[n, 0] for n in range(50)], x_request_timeout_ms="300").pieces(version)
    await anext(pieces)
    with pytest.raises(Overloaded):
        await Reader([[1, 1]]).all(version)
    await eventually(lambda: version.lane.admission.requests_in_flight == 0)
    assert len(model.threads) <= 2
    with pytest.raises(DeadlineExceeded, match="had not read"):
        async for _ in pieces:
            pass
    version.close()


async def test_the_deadline_is_that_of_the_whole_stream() -> None:
    model = Steps()
    version = served(model)
    pieces = Reader([[n, 0] for n in range(10)], x_request_timeout_ms="200").pieces(version)
    model.step()
    seen: list[Piece] = []

    async def read() -> None:
        async for piece in pieces:
            seen.append(piece)  # noqa: PERF401  # what was read before the error counts

    with pytest.raises(DeadlineExceeded):
        await read()
    assert len(seen) == 4
    assert version.lane.admission.requests_in_flight == 0
    model.step(100)
    version.close()


async def test_an_error_of_the_request_comes_before_any_piece() -> None:
    version = served(EchoModel())
    with pytest.raises(InvalidInput, match="number of rows"):
        await Reader([]).all(version)
    reader = Reader(ROWS)
    reader.call.named = {"name": "nobody"}
    with pytest.raises(NotFound):
        await reader.all(version)
    assert version.lane.admission.requests_in_flight == 0


async def test_rows_are_kept_and_found_one_by_one_in_the_cache_as_single_requests_are() -> None:
    model, cache = Counting(), MemoryCache(1 << 20)
    version = served(model)
    await Reader([[1, 2]]).all(version, cache)
    runs = model.runs
    pieces = await Reader([[1, 2], [1, 2]]).all(version, cache)
    assert model.runs == runs
    assert all(np.array_equal(piece.result["probabilities"], [1, 2]) for piece in pieces)
