"""Parses long bodies, decodes pictures and forms long results on threads of their own.

Meanwhile the event loop keeps answering.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from plimsoll.inference.waiting import result_in_time

THREADS = 2
"""Unless a setting says otherwise."""
_T = TypeVar("_T")


class ReadingPool:
    """Some threads and an unbounded queue: every request in it holds a permit, and admission control bounds permits.

    Bodies of at most `inline_bytes` are parsed on the event loop, because a change of thread would cost more. Pictures
    never are, so at most as many are decoded at once as there are `threads`.
    """

    def __init__(self, inline_bytes: int, threads: int = THREADS) -> None:
        self.inline_bytes = inline_bytes
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reading")

    async def read(self, step: Callable[[], _T], deadline: float, client_gone: Callable[[], Awaitable[None]]) -> _T:
        """The result of one step of reading a body: its inflated bytes, or the question that it asks.

        Raises:
            DeadlineExceeded: it was not done by `deadline`, in seconds of the loop's clock.
            ClientGone: the client has disconnected.
            PlimsollError: whatever the step raised.
        """
        return await self._run(step, deadline, client_gone, "its body was read")

    async def write(self, step: Callable[[], _T], deadline: float, client_gone: Callable[[], Awaitable[None]]) -> _T:
        """The results of a request that take long to form; see `read` for the errors."""
        return await self._run(step, deadline, client_gone, "its results were formed")

    async def _run(
        self, step: Callable[[], _T], deadline: float, client_gone: Callable[[], Awaitable[None]], done: str
    ) -> _T:
        running = asyncio.get_running_loop().run_in_executor(self._threads, step)
        return await result_in_time(
            running, deadline, client_gone,
            gone=f"the client left before {done}", late=f"the time of the request was over before {done}",
        )  # fmt: skip

    def close(self) -> None:
        """Stop the threads after the bodies in progress; does not wait for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)
