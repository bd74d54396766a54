"""A request that has ended leaves nothing for the garbage collector, however it ended.

What it left would hold its batch, its lane and its model, so that a version lived on for as long as the collector
does not look; in a server, which has raised its thresholds, that is many versions.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.fake_time import ManualExecutor
from tests.doubles.models import POISON, PoisonedModel
from tests.unit.api.conftest import INLINE_BODY_BYTES, MAX_BODY_BYTES, Edge

ROW, POISONOUS = b'{"features": [1.0]}', b'{"features": [%g]}' % POISON
SEVERAL = b'{"instances": [[1.0], [%g], [2.0]]}' % POISON
JSON = {"content-type": "application/json"}


def exchange(edge: Edge, body: bytes = ROW, *, complete: bool = True, **headers: str) -> Exchange:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    scope = http_scope("/v1/predict", "POST", JSON | named)
    return Exchange(edge.asgi, scope, [body], complete=complete)


@contextmanager
def garbage() -> Iterator[list[Any]]:
    """What only the garbage collector frees, of all that was made in this block."""
    found: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += gc.garbage
        gc.garbage.clear()
    finally:
        gc.set_debug(0)
        gc.enable()


async def answered(edge: Edge) -> int:
    return (await exchange(edge).run()).status


async def refused(edge: Edge) -> int:
    return (await exchange(edge, b'{"features": "no"}').run()).status


async def poisonous(edge: Edge) -> int:
    return (await exchange(edge, POISONOUS).run()).status


async def poisonous_among_others(edge: Edge) -> int:
    ended = await asyncio.gather(*(exchange(edge, body).run() for body in (ROW, POISONOUS, ROW)))
    return ended[1].status


async def poisonous_in_one_of_its_rows(edge: Edge) -> int:
    ended = await asyncio.gather(*(exchange(edge, body).run() for body in (ROW, SEVERAL, ROW)))
    return ended[1].status


async def late(edge: Edge) -> int:
    return (await exchange(edge, x_request_timeout_ms="1").run()).status


async def late_with_its_body(edge: Edge) -> int:
    return (await exchange(edge, complete=False, x_request_timeout_ms="1").run()).status


async def slow_with_its_body(edge: Edge) -> int:
    return (await exchange(edge, complete=False).run()).status


async def too_long(edge: Edge) -> int:
    return (await exchange(edge, b" " * (MAX_BODY_BYTES + 1)).run()).status


async def long_and_answered(edge: Edge) -> int:
    return (await exchange(edge, ROW + b" " * INLINE_BODY_BYTES).run()).status


async def long_and_refused(edge: Edge) -> int:
    return (await exchange(edge, ROW[:-1] + b" " * INLINE_BODY_BYTES).run()).status


async def overloaded(edge: Edge) -> int:
    ended = await asyncio.gather(*(exchange(edge).run() for _ in range(20)))
    return max(each.status for each in ended)


async def cancelled_with_its_body(edge: Edge) -> int:
    return await cancelled(edge, complete=False)


async def cancelled(edge: Edge, *, complete: bool = True) -> int:
    running = asyncio.create_task(exchange(edge, complete=complete).run())
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return 0


async def gone(edge: Edge, *, complete: bool = True) -> int:
    leaving = exchange(edge, complete=complete)
    running = asyncio.create_task(leaving.run())
    await asyncio.sleep(0.01)
    leaving.leave()
    await running
    return leaving.status


async def gone_with_its_body(edge: Edge) -> int:
    return await gone(edge, complete=False)


Way = Callable[[Edge], Awaitable[int]]


@pytest.mark.parametrize("inline_rows", [0, 100])
@pytest.mark.parametrize(
    ("way", "status"),
    [
        *((answered, 200), (long_and_answered, 200), (refused, 422), (long_and_refused, 400), (too_long, 413)),
        *((poisonous, 500), (poisonous_among_others, 500), (poisonous_in_one_of_its_rows, 500), (overloaded, 429)),
    ],
)
async def test_a_request_leaves_nothing(edge: Edge, way: Way, status: int, inline_rows: int) -> None:
    edge.serve("echo", "1", PoisonedModel(inline_rows))
    with garbage() as found:
        assert await way(edge) == status
        await asyncio.sleep(0.01)
    assert found == []


@pytest.mark.parametrize(
    ("way", "status"),
    [
        *((late, 504), (late_with_its_body, 504), (slow_with_its_body, 408)),
        *((gone, 499), (gone_with_its_body, 499), (cancelled, 0), (cancelled_with_its_body, 0)),
    ],
)
async def test_a_request_that_is_not_waited_for_leaves_nothing(edge: Edge, way: Way, status: int) -> None:
    executor = ManualExecutor()
    edge.serve("slow", "1", PoisonedModel(), executor=executor)
    with garbage() as found:
        assert await way(edge) == status
        while executor.run_next():
            pass
        await asyncio.sleep(0.01)
    assert found == []
