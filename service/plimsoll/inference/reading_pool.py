"""Parses long bodies on two threads of their own, so that the event loop keeps answering."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from plimsoll.inference.ports import Question
from plimsoll.inference.waiting import result_in_time

_THREADS = 2


class ReadingPool:
    """Two threads and an unbounded queue: every request in it holds a permit, and admission control bounds permits.

    Bodies of at most `inline_bytes` are parsed on the event loop, because a change of thread would cost more.
    """

    def __init__(self, inline_bytes: int) -> None:
        self.inline_bytes = inline_bytes
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="reading")

    async def read(
        self, question: Callable[[], Question], deadline: float, client_gone: Callable[[], Awaitable[None]]
    ) -> Question:
        """The question that the body asks; see `Task.read` for its errors.

        Raises:
            DeadlineExceeded: no thread was free by `deadline`, in seconds of the loop's clock.
            ClientGone: the client has disconnected.
        """
        reading = asyncio.get_running_loop().run_in_executor(self._threads, question)
        return await result_in_time(
            reading, deadline, client_gone,
            gone="the client left before its body was parsed",
            late="the body was not parsed in the time that the request had",
        )  # fmt: skip

    def close(self) -> None:
        """Stop the threads after the bodies in progress; does not wait for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)
