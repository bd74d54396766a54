"""Waits for work on a thread as long as its request waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from plimsoll.errors import ClientGone, DeadlineExceeded

_T = TypeVar("_T")


async def result_in_time(
    work: asyncio.Future[_T], deadline: float, client_gone: Callable[[], Awaitable[None]], *, gone: str, late: str
) -> _T:
    """The result of `work`, which is cancelled if nobody waits for it any more.

    Raises:
        ClientGone: the client has disconnected, with the message `gone`.
        DeadlineExceeded: it was not done by `deadline`, in seconds of the loop's clock, with the message `late`.
        Exception: whatever the work raised.
    """
    watch = asyncio.ensure_future(client_gone())
    try:
        timeout = deadline - asyncio.get_running_loop().time()
        await asyncio.wait((work, watch), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if watch.done():
            raise ClientGone(gone)
        raise DeadlineExceeded(late)
    finally:
        work.cancel()
        watch.cancel()
