"""Waiting for what happens in the background, without guessing how long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 20.0


async def eventually(condition: Callable[[], object]) -> None:
    """Return as soon as the condition holds; fail the test when it does not come to."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  # conditions of all kinds, some on disk
            await asyncio.sleep(0.005)
