"""Clients that stay or leave, and the time that they have."""

from __future__ import annotations

import asyncio

AGES = 60.0


async def never() -> None:
    """The client stays."""
    await asyncio.Event().wait()


async def at_once() -> None:
    """The client has left."""


def deadline(seconds: float = AGES) -> float:
    """So many seconds from now, on the loop's clock."""
    return asyncio.get_running_loop().time() + seconds
