"""The whole order of a request's life: select, admit, read, reserve, write, compute."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, cast

from plimsoll.inference.admission import Permit
from plimsoll.inference.answer_cache import ResponseCache, cache_key
from plimsoll.inference.batch_queue import Entry
from plimsoll.inference.call import Call
from plimsoll.inference.deadlines import HEADER, DeadlineLimits
from plimsoll.inference.parts import OpenQuestion, Part, joined
from plimsoll.inference.payloads import Answer, Scores, Target, Tensors
from plimsoll.inference.ports import Front, Observer, Question
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.inference.served_version import ServedVersion

_TIMEOUT, _CACHE_CONTROL = HEADER.encode(), b"cache-control"

ReadBody = Callable[[Permit, float], Awaitable[bytes]]
"""Reads the body of one request until a deadline, in seconds of the loop's clock; the permit counts received bytes."""
ClientGone = Callable[[], Awaitable[None]]
"""Returns when the client has disconnected."""
Compute = Callable[[Call, ServedVersion, Question, float, ClientGone], Awaitable[Answer]]
"""Computes the answer to a question until a deadline, in seconds of the loop's clock, or until the client has left."""


def complete_body(body: bytes) -> ReadBody:
    """Gives a body that has all arrived."""

    async def read(permit: Permit, _deadline: float) -> bytes:
        permit.complete(len(body))
        return body

    return read


class VersionTable(Protocol):
    """An immutable snapshot of the versions that answer."""

    def select(self, target: Target) -> ServedVersion:
        """The version to use.

        Raises:
            NotFound: the model or the version is not known.
            Loading: the version is known and not ready.
            Stuck, LoadFailed: the version is known and does not answer.
        """
        ...


class VersionSelector(Protocol):
    """Holds the current table."""

    @property
    def table(self) -> VersionTable:
        """Replaced whole at each change."""
        ...


class Line:
    """The pipeline of a request, the same for every protocol. A step refuses by raising; a body needs a permit.

    `cache` keeps answers, if it is given. Bodies of more than `reading.inline_bytes` are parsed on threads.
    The code of a task of one's own runs on the threads of its version.
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
        self.deadlines = deadlines
        self._default_seconds = deadlines.seconds(None)
        self._reading = reading
        self._observer = observer
        self._cache = cache

    async def ask(
        self, call: Call, front: Front, read_body: ReadBody, client_gone: ClientGone, compute: Compute | None = None
    ) -> tuple[ServedVersion, Question, Answer]:
        """The answer to one request, its question, and the version that gave the answer.

        1. Select the version by the path and the head. In /v1 a version in the path takes precedence over one in a
           header, and the user in a header over the one in the body.
        2. Set the deadline, from now on; the body may name an earlier one. It is checked while the body arrives, while
           the body waits to be parsed, while the request waits in the queue, and before its batch runs; a request that
           is late gets 504.
        3. Take a permit. If the version holds as many requests as it may, this raises a 429 and the body is not read.
        4. Read the body. Once it is complete, the request counts as in flight.
        5. Front and task parse the body into a question. If it names a user who belongs to another version, exchange
           the permit for one of that version; parse the body again unless the tasks are equal, so that the question
           means the same.
        6. Reserve rows of a forming batch, write them, commit them, and await the outputs. If the client leaves before
           the batch runs, drop the request, which counts as 499. Results that take long are formed here.

        Permits end with their `with` block, also after an error, so none can leak. `compute` replaces step 6.

        Raises:
            PlimsollError: see the steps; every expected error of a request passes through here.
        """
        if compute is None:
            compute = self.compute
        target = front.target(call)
        served = chosen = self._selector.table.select(target)
        call.model, call.version = served.name, served.version
        # asyncio's loops and uvloop use the monotonic clock; looking up the running loop first costs ten times more.
        asked = call.head.fields.get(_TIMEOUT)
        now = time.monotonic()
        deadline = now + (self._default_seconds if asked is None else self.deadlines.seconds(asked))
        with served.lane.admission.expect() as permit:
            body = await read_body(permit, deadline)
            if served.threads is not None:
                read = partial(front.read, call, body, served)
                question = await served.threads.run("read", read, deadline, client_gone)
            elif front.reading_cost(call, body, served) <= self._reading.inline_bytes:
                question = front.read(call, body, served)
            else:
                question = await self._reading.read(partial(front.read, call, body, served), deadline, client_gone)
            if call.timeout_seconds is not None:
                deadline = min(deadline, now + call.timeout_seconds)
            if target.key is None and question.user is not None:
                chosen = self._selector.table.select(Target(target.model, target.pin, question.user))
            if chosen is served:
                return served, question, await compute(call, served, question, deadline, client_gone)
        call.model, call.version = chosen.name, chosen.version
        with chosen.lane.admission.admit(len(body)):
            if chosen.threads is not None:
                read = partial(front.read, call, body, chosen)
                question = await chosen.threads.run("read", read, deadline, client_gone)
            elif chosen.task != served.task:
                question = await self._reading.read(partial(front.read, call, body, chosen), deadline, client_gone)
            return chosen, question, await compute(call, chosen, question, deadline, client_gone)

    async def compute(
        self, call: Call, served: ServedVersion, question: Question, deadline: float, client_gone: ClientGone
    ) -> Answer:
        """Step 6 of `ask`.

        Many rows of open shapes go to the lane in parts, one after the other: the request takes no more memory than a
        batch may have, and those of others run in between.
        """
        parts: Sequence[Part] = ()
        if question.shapes and question.rows > 1:
            parts = cast("OpenQuestion", question).parts(served.lane.limits.batch)
        answered: list[Tensors] = []
        waited = ran = 0.0
        for asked in [part.question for part in parts] if parts else [question]:
            # Nothing is awaited between reserving and committing, so the rows are the last of their batch. With a cache
            # those that were answered before are not committed, and the next request overwrites them.
            entry = served.lane.reserve(asked.rows, asked.shapes)
            if asked.shapes:
                entry.padding = asked.padding
            asked.write(entry.inputs)
            if self._cache is None or b"no-store" in call.head.fields.get(_CACHE_CONTROL, b"").lower():
                answered.append(await served.lane.answer(entry, deadline, client_gone))
            else:
                answered.append(await self._kept_or_answered(self._cache, served, entry, deadline, client_gone))
            waited, ran = waited + entry.wait_seconds, ran + entry.forward_seconds
        call.queue_seconds, call.forward_seconds = waited, ran
        outputs = joined(parts, answered) if parts else answered[0]
        if served.threads is not None:
            write = partial(served.task.results, question, outputs)  # the question keeps them for the front
            await served.threads.run("write", write, deadline, client_gone)
        elif served.task.slow_results:
            await self._reading.write(partial(served.task.results, question, outputs), deadline, client_gone)
        classes = served.task.classes
        scores = None if classes is None else Scores(classes, outputs[classes.output])
        return Answer(served.name, served.version, outputs, scores)

    async def _kept_or_answered(
        self, cache: ResponseCache, served: ServedVersion, entry: Entry, deadline: float, client_gone: ClientGone
    ) -> Tensors:
        key = cache_key(served.name, served.version, served.digest, entry.inputs)
        outputs = cache.get(key)
        self._observer.cache_looked_up(served.name, served.version, found=outputs is not None)
        if outputs is None:
            answered = await served.lane.answer(entry, deadline, client_gone)
            outputs = {name: tensor.copy() for name, tensor in answered.items()}  # a view would keep its whole batch
            cache.put(key, outputs)
        return outputs
