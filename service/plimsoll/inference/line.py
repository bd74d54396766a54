"""The whole order of a request's life: select, admit, read, reserve, write, compute."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from plimsoll.inference.admission import Permit
from plimsoll.inference.answer_cache import ResponseCache, cache_key
from plimsoll.inference.batch_queue import Entry
from plimsoll.inference.call import Call
from plimsoll.inference.deadlines import HEADER, DeadlineLimits
from plimsoll.inference.payloads import Answer, Target, Tensors
from plimsoll.inference.ports import Front, Observer, Question
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.inference.served_version import ServedVersion

_TIMEOUT, _CACHE_CONTROL = HEADER.encode(), b"cache-control"

ReadBody = Callable[[Permit, float], Awaitable[bytes]]
"""Brings the body of one request until a deadline, in seconds of the loop's clock; the permit counts what has come."""
ClientGone = Callable[[], Awaitable[None]]
"""Returns when nobody waits for the answer any more."""


class VersionTable(Protocol):
    """An immutable snapshot of the versions that answer."""

    def select(self, target: Target) -> ServedVersion:
        """The version to use.

        Raises:
            NotFound: nothing of that name or version is known.
            Loading: it is known and not ready.
            Stuck, LoadFailed: it is known and does not answer.
        """
        ...


class VersionSelector(Protocol):
    """Has the table of the moment."""

    @property
    def table(self) -> VersionTable:
        """Replaced whole at each change."""
        ...


class Line:
    """The order, once, for every protocol. Each step refuses by raising; no body is read without a permit.

    `cache` keeps answers, where it is given. Bodies of more than `reading.inline_bytes` are read on threads.
    """

    def __init__(
        self,
        selector: VersionSelector,
        deadlines: DeadlineLimits,
        reading: ReadingPool,
        observer: Observer,
        cache: ResponseCache | None = None,
    ) -> None:
        self._selector = selector
        self._deadlines = deadlines
        self._default_seconds = deadlines.seconds(None)
        self._reading = reading
        self._observer = observer
        self._cache = cache

    async def ask(
        self, call: Call, front: Front, read_body: ReadBody, client_gone: ClientGone
    ) -> tuple[ServedVersion, Answer]:
        """The answer to one request, and the version that gave it.

        1. The version is selected by what the front finds in path and head. In /v1 a version in the path takes
           precedence over one in a header, and the user in a header over the one in the body.
        2. The deadline is set, from now on. A request may be found late while its body comes, while it waits to be
           read, while it waits in the queue, and before its batch runs: 504 each time.
        3. A permit is taken. If as many requests are in flight as the version may hold, this raises a 429, and nothing
           of the body is read.
        4. The body is read. Once it is complete, the request counts as in flight.
        5. Front and task make a question of the body. If it names a user who belongs to another version, the permit is
           given back and another one is taken there; the body is parsed again only for another signature.
        6. Rows of a forming batch are reserved, written and committed, and the outputs are awaited. A client that
           leaves before its batch runs is dropped, its rows are not computed, and it counts as 499.

        Permits end with their `with` block, whatever is raised, so none can leak.

        Raises:
            PlimsollError: see the steps; every expected error of a request passes here.
        """
        target = front.target(call)
        served = chosen = self._selector.table.select(target)
        call.model, call.version = served.name, served.version
        # The monotonic clock is that of asyncio's loops and of uvloop; asking for the loop first costs ten times more.
        asked = call.head.fields.get(_TIMEOUT)
        deadline = time.monotonic() + (self._default_seconds if asked is None else self._deadlines.seconds(asked))
        with served.lane.admission.expect() as permit:
            body = await read_body(permit, deadline)
            if len(body) <= self._reading.inline_bytes:
                question = front.read(body, served)
            else:
                question = await self._reading.read(partial(front.read, body, served), deadline, client_gone)
            if target.key is None and question.user is not None:
                chosen = self._selector.table.select(target._replace(key=question.user))
            if chosen is served:
                return served, await self._compute(call, served, question, deadline, client_gone)
        call.model, call.version = chosen.name, chosen.version
        with chosen.lane.admission.admit(len(body)):
            if chosen.signature != served.signature:
                question = await self._reading.read(partial(front.read, body, chosen), deadline, client_gone)
            return chosen, await self._compute(call, chosen, question, deadline, client_gone)

    async def _compute(
        self, call: Call, served: ServedVersion, question: Question, deadline: float, client_gone: ClientGone
    ) -> Answer:
        """Reserve rows of a forming batch, write them at once, commit them and await the outputs.

        Nothing is awaited between reserving and committing, so the rows are the last of their batch. With a cache,
        rows that were answered before are not committed, and the next request overwrites them.
        """
        lane = served.lane
        entry = lane.reserve(question.rows, question.shapes)
        question.write(entry.inputs)
        if self._cache is None or b"no-store" in call.head.fields.get(_CACHE_CONTROL, b"").lower():
            outputs = await lane.answer(entry, deadline, client_gone)
        else:
            outputs = await self._kept_or_answered(self._cache, served, entry, deadline, client_gone)
        call.queue_seconds, call.forward_seconds = entry.wait_seconds, entry.forward_seconds
        return Answer(served.name, served.version, outputs)

    async def _kept_or_answered(
        self, cache: ResponseCache, served: ServedVersion, entry: Entry, deadline: float, client_gone: ClientGone
    ) -> Tensors:
        key = cache_key(served.name, served.version, served.digest, entry.inputs)
        outputs = cache.get(key)
        self._observer.cache_looked_up(served.name, served.version, found=outputs is not None)
        if outputs is None:
            answered = await served.lane.answer(entry, deadline, client_gone)
            outputs = {name: tensor.copy() for name, tensor in answered.items()}  # apart from the rest of its batch
            cache.put(key, outputs)
        return outputs
