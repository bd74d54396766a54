"""A request's way through the core: select a version, be admitted, reserve rows, be answered."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from plimsoll.inference.admission import Permit
from plimsoll.inference.answer_cache import ResponseCache, cache_key
from plimsoll.inference.batch_queue import Entry
from plimsoll.inference.deadline import DeadlineLimits
from plimsoll.inference.lane import Lane
from plimsoll.inference.payloads import Answer, Signature, Target


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """One version that is ready to answer."""

    name: str
    version: str
    signature: Signature
    lane: Lane
    digest: str = ""


class VersionSelector(Protocol):
    """Chooses which version answers a request; reads one immutable snapshot."""

    def select(self, target: Target) -> ServedVersion:
        """The version to use.

        Raises:
            NotFound: nothing of that name or version is known.
            Loading: it is known and not ready.
        """
        ...


class Pipeline:
    """The line. Every step refuses by raising; no body is read before its request has a permit."""

    def __init__(
        self,
        selector: VersionSelector,
        deadlines: DeadlineLimits,
        cache: ResponseCache | None = None,
        report_lookup: Callable[[str, str, bool], None] = lambda *_: None,
    ) -> None:
        self._selector = selector
        self._deadlines = deadlines
        self._cache = cache
        self._report_lookup = report_lookup

    def select(self, target: Target) -> ServedVersion:
        """Step 1: the version that will answer; see `VersionSelector.select` for the errors."""
        return self._selector.select(target)

    def deadline(self, asked_ms: str | None) -> float:
        """When the answer is late, in seconds of the loop's clock; see `DeadlineLimits.seconds` for the errors."""
        # The monotonic clock is that of asyncio's loops and of uvloop; asking for the loop first costs ten times more.
        return time.monotonic() + self._deadlines.seconds(asked_ms)

    def expect(self, served: ServedVersion) -> Permit:
        """Step 2: a permit for the length of a `with` block, before the body is read; see `Admission.expect`."""
        return served.lane.expect()

    def admit(self, served: ServedVersion, body_bytes: int) -> Permit:
        """The same for a request whose body is complete; see `Admission.admit`."""
        return served.lane.admit(body_bytes)

    @property
    def caches(self) -> bool:
        """Whether answers are kept at all."""
        return self._cache is not None

    async def answer(
        self,
        served: ServedVersion,
        entry: Entry,
        deadline: float,
        client_gone: Callable[[], Awaitable[None]],
        *,
        cacheable: bool = False,
    ) -> Answer:
        """Steps 4 and 5: commit the entry that the front has reserved and written, and await its outputs.

        Where answers are kept, a `cacheable` entry may get an earlier one; it is not committed then, and its rows are
        written again. See `Lane.answer` for the errors. Step 3, `served.lane.reserve`, is the front's: it knows how
        many rows come.
        """
        if self._cache is None or not cacheable:
            return Answer(served.name, served.version, await served.lane.answer(entry, deadline, client_gone))
        key = cache_key(served.name, served.version, served.digest, entry.inputs)
        outputs = self._cache.get(key)
        self._report_lookup(served.name, served.version, outputs is not None)
        if outputs is None:
            answered = await served.lane.answer(entry, deadline, client_gone)
            outputs = {name: tensor.copy() for name, tensor in answered.items()}  # apart from the rest of its batch
            self._cache.put(key, outputs)
        return Answer(served.name, served.version, outputs)
