"""Runs blocking work in a thread that may be abandoned."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

R = TypeVar("R")


async def in_load_thread(work: Callable[[], R]) -> R:
    """Run `work` in a daemon thread of its own; return what it returns, or raise what it raises.

    A load may hang for ever. If this call is cancelled, the thread is abandoned, and an abandoned thread does not keep
    the event loop or the process from ending. The threads of `asyncio.to_thread` would do so, and are few.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(_settle, done.set_result, done, work())
        except BaseException as error:  # noqa: BLE001  # a future cannot hold SystemExit or StopIteration itself
            told = error if isinstance(error, Exception) and not isinstance(error, StopIteration) else _wrapped(error)
            settle = partial(_settle, done.set_exception, done, told)
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=run, name="plimsoll-load", daemon=True).start()
    return await done


def _settle(settle: Callable[..., None], done: asyncio.Future[R], result: object) -> None:
    if not done.done():
        settle(result)


def _wrapped(error: BaseException) -> RuntimeError:
    wrapped = RuntimeError(f"loading raised {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped
