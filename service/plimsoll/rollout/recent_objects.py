"""Objects that are asked again and again, read by one call for all of them."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

from plimsoll.rollout.kubernetes import ClusterUnavailable, Key, Object, Objects
from plimsoll.rollout.lease import Time

_RECENT_SECONDS = 1.0
_ASKED_SECONDS = 30.0


class ManyObjects(Objects, Protocol):
    """Objects of which several can be read at once."""

    def get_all(self, keys: Sequence[Key]) -> dict[Key, Object | None]:
        """These objects, each `None` if there is none."""
        ...


class RecentObjects:
    """The objects of a namespace, as they were at most a second ago.

    A driver looks at the same few objects every few seconds, and each call of kubectl costs a tenth of a second of CPU.
    So the first that is asked for after a second is read together with all that were asked for within half a minute.
    After a write nothing is recent. Safe to call from several threads.
    """

    def __init__(self, objects: ManyObjects, time: Time) -> None:
        self._objects = objects
        self._time = time
        self._lock = threading.Lock()
        self._asked: dict[Key, float] = {}
        self._found: dict[Key, Object | None] = {}
        self._read_at = 0.0

    def get(self, kind: str, name: str) -> Object | None:
        """As `Objects.get`."""
        key = (kind, name)
        with self._lock:
            now = self._time.monotonic()
            self._asked[key] = now
            if now - self._read_at > _RECENT_SECONDS:
                self._found, self._read_at = {}, now
            if key not in self._found:
                self._found |= self._read(key, now)
            return copy.deepcopy(self._found[key])

    def select(self, kind: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        """As `Objects.select`."""
        return self._objects.select(kind, labels)

    def create(self, new: Object) -> Object:
        """As `Objects.create`."""
        try:
            return self._objects.create(new)
        finally:
            self._forget()

    def replace(self, changed: Object) -> Object:
        """As `Objects.replace`."""
        try:
            return self._objects.replace(changed)
        finally:
            self._forget()

    def may(self, verb: str, kind: str) -> bool:
        """As `Objects.may`."""
        return self._objects.may(verb, kind)

    def _read(self, key: Key, now: float) -> dict[Key, Object | None]:
        """The object and the others that are due; alone where one of them cannot be read."""
        keys = [each for each, at in self._asked.items() if each not in self._found and now - at <= _ASKED_SECONDS]
        try:
            return self._objects.get_all(keys)
        except ClusterUnavailable:
            if len(keys) == 1:
                raise
        return {key: self._objects.get(*key)}

    def _forget(self) -> None:
        with self._lock:
            self._found = {}
