"""Parses long bodies on two threads of their own, so that the event loop goes on answering."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from plimsoll.errors import ClientGone, DeadlineExceeded
from plimsoll.fronts import v1_json
from plimsoll.inference.payloads import Signature

_THREADS = 2


class ParsingPool:
    """Two threads and a queue without a bound of its own: those who wait in it hold permits, which are bounded.

    Bodies of at most `inline_bytes` are parsed on the event loop, where handing them over would cost more.
    """

    def __init__(self, inline_bytes: int) -> None:
        self.inline_bytes = inline_bytes
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="parsing")

    async def parse(
        self, content: bytes, signature: Signature, deadline: float, client_gone: Callable[[], Awaitable[None]]
    ) -> v1_json.Body:
        """What the body says; see `v1_json.parse` for its errors.

        Raises:
            DeadlineExceeded: the threads did not come to it by `deadline`, in seconds of the loop's clock.
            ClientGone: nobody waits any more.
        """
        loop = asyncio.get_running_loop()
        parsing = loop.run_in_executor(self._threads, v1_json.parse, content, signature)
        watch = asyncio.ensure_future(client_gone())
        try:
            await asyncio.wait((parsing, watch), timeout=deadline - loop.time(), return_when=asyncio.FIRST_COMPLETED)
            if parsing.done():
                return parsing.result()
            if watch.done():
                raise ClientGone("the client left before its body was parsed")
            raise DeadlineExceeded("the body was not parsed in the time that the request had")
        finally:
            parsing.cancel()
            watch.cancel()

    def close(self) -> None:
        """End the threads once they have parsed what they are at; does not wait for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)
