"""Runs the rows of one request one by one, and hands over each as it finishes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import islice

from plimsoll.errors import ClientError, ClientGone, DeadlineExceeded, ModelFailed, OutOfDeviceMemory
from plimsoll.inference.call import Call
from plimsoll.inference.line import Compute, Line, ReadBody
from plimsoll.inference.payloads import Answer, Piece
from plimsoll.inference.ports import Front, Question
from plimsoll.inference.served_version import ServedVersion

_OF_ONE_ROW = (ClientError, ModelFailed, OutOfDeviceMemory)
"""The errors that concern only the row that has them; any other concerns the whole request."""


async def stream_rows(
    line: Line, call: Call, front: Front, read_body: ReadBody, client_gone: Callable[[], Awaitable[None]]
) -> AsyncGenerator[Piece, None]:
    """The result of each row of a request, or its own error, in the order in which they finish.

    The order of life is that of `Line.ask`, with rows that run one by one in step 6. So the one permit is held until
    the last piece has been taken, and the deadline is that of the whole stream. As many rows are in the lane as one
    batch holds. A piece is made only when the one before has been taken, so a slow reader holds up nobody else. Close
    the generator to drop the rows that have not run.

    Raises:
        PlimsollError: see `Line.ask`; an error that concerns all rows ends the stream.
    """
    rows = RowStream(line.compute)

    async def ask() -> None:
        try:
            await line.ask(call, front, read_body, client_gone, rows.compute)
        finally:
            rows.pieces.put_nowait(None)

    asking = asyncio.ensure_future(ask())
    try:
        while (piece := await rows.pieces.get()) is not None:
            yield piece
            rows.pieces.task_done()
        await asking
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)  # the permit is free from here on


class RowStream:
    """Takes the place of `compute` for a streamed request: puts the end of each row into `pieces`."""

    def __init__(self, compute: Compute) -> None:
        self._compute_row = compute
        self.pieces: asyncio.Queue[Piece | None] = asyncio.Queue()

    async def compute(
        self,
        call: Call,
        served: ServedVersion,
        question: Question,
        deadline: float,
        client_gone: Callable[[], Awaitable[None]],
    ) -> Answer:
        """Compute all rows; returns an answer without outputs once every piece has been dealt with.

        Raises:
            ClientGone: the client has disconnected.
            DeadlineExceeded: the deadline is over, while a row ran or while the client did not read.
            PlimsollError: an error that concerns all rows.
        """
        gone = asyncio.Event()
        watch = asyncio.ensure_future(client_gone())
        watch.add_done_callback(lambda _: gone.set())

        async def stays() -> None:
            await gone.wait()

        async def end_of(index: int) -> Piece:
            row = question.row(index)
            try:
                answer = await self._compute_row(call, served, row, deadline, stays)
                (result,) = served.task.results(row, answer.outputs)
            except _OF_ONE_ROW as error:
                error.index = index
                return Piece(index, error=error)
            return Piece(index, result, scores=answer.scores)

        most = served.lane.limits.batch.most_rows(question.shapes)
        indexes = iter(range(question.rows))
        running: set[asyncio.Task[Piece]] = set()
        try:
            while True:
                if gone.is_set():
                    raise ClientGone("the client left before all of its rows had run")
                running.update(asyncio.create_task(end_of(index)) for index in islice(indexes, most - len(running)))
                if not running:
                    return Answer(served.name, served.version, {})
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                await self._hand_over(done, deadline)
        finally:
            watch.cancel()
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _hand_over(self, done: set[asyncio.Task[Piece]], deadline: float) -> None:
        """Hand over the pieces that are there, in the order of the rows; then raise the error of a row, if any."""
        faults = [error for each in done if (error := each.exception()) is not None]
        ended = [each.result() for each in done if each.exception() is None]
        for piece in sorted(ended, key=lambda each: each.row):
            self.pieces.put_nowait(piece)
            try:
                async with asyncio.timeout_at(deadline):
                    await self.pieces.join()
            except TimeoutError:
                raise DeadlineExceeded("the client had not read all of the answer when its time was over") from None
        if faults:
            raise faults[0]
