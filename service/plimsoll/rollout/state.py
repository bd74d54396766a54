"""The record of a rollout, which lives in a ConfigMap so that another process can go on with it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from plimsoll.errors import OperatorError
from plimsoll.rollout.history import Period
from plimsoll.rollout.kubernetes import Conflict, Object, Objects
from plimsoll.rollout.plan import Change, Plan, Route, Stage, stages

Progress = Literal["new", "changing", "waiting", "watching"]
Outcome = Literal["", "promoted", "rolled back"]
Wish = Literal["step", "promote", "abort"]
WISHES: tuple[Wish, ...] = ("step", "promote", "abort")
_KEY = "rollout.json"
_WISH = "wish"
_FORMAT = 1


class ChangedByOthers(OperatorError):
    """Somebody else has changed the release, its split, or the record. The driver stops and changes nothing."""


@dataclass(frozen=True, slots=True)
class Record:
    """The present state of a rollout. Times in seconds since 1970.

    `progress` of the stage at `position`: new, changing (its change may be made or not), waiting (for pods), watching
    (the judge decides). `revision` is the newest revision of the release that the driver knows. `weight` is the percent
    in force. `counting_from` is set while a judged stage counts; `periods` are those that ended. `since_seconds` is the
    time at which the present progress began.
    """

    identifier: str
    plan: Plan
    revision: int
    route: Route = "forward"
    position: int = 0
    progress: Progress = "new"
    change: Change | None = None
    weight: int = 0
    since_seconds: float = 0.0
    counting_from: float | None = None
    periods: tuple[Period, ...] = ()
    held: bool = False
    reason: str = ""
    outcome: Outcome = ""
    format: int = _FORMAT

    @property
    def stage(self) -> Stage:
        """The present stage."""
        return stages(self.plan, self.route)[self.position]

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.outcome != ""

    def closed(self, now: float) -> Record:
        """The record with the open period ended, before something changes the split."""
        if self.counting_from is None:
            return self
        ended = self.periods
        if now > self.counting_from:
            ended = (*ended, Period(self.counting_from, now, self.share))
        return replace(self, counting_from=None, periods=ended)

    def periods_until(self, now: float) -> tuple[Period, ...]:
        """All periods that count, the open one until now."""
        return self.closed(now).periods

    @property
    def share(self) -> float | None:
        """The weight that the judge compares the split with; `None` in mode `replicas`."""
        return None if self.plan.mode == "replicas" else self.weight / 100


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as read, with the wish that a person has left."""

    record: Record
    wish: Wish | None


class RecordStore:
    """Keeps the record of one release in the ConfigMap `<fullname>-rollout`.

    A write fails if another driver wrote in between. A wish that was left in between stays.
    """

    def __init__(self, objects: Objects, name: str) -> None:
        self._objects = objects
        self._name = name
        self._read: Object | None = None

    def read(self) -> Stored | None:
        """The record, or `None` if this release never had a rollout.

        Raises:
            OperatorError: a later version of Plimsoll wrote it, or it is damaged.
        """
        self._read = self._objects.get("configmap", self._name)
        if self._read is None:
            return None
        data = self._data(self._read)
        wish = next((each for each in WISHES if each == data.get(_WISH)), None)
        return Stored(self._decode(data.get(_KEY, "")), wish)

    def write(self, record: Record, *, keep_wish: bool = True) -> None:
        """Store the record.

        Raises:
            ChangedByOthers: another driver wrote since it was read.
        """
        written = msgspec.json.encode(record).decode()
        for _ in range(5):
            known = self._data(self._read) if self._read else {}
            data = {_KEY: written} | ({_WISH: known[_WISH]} if keep_wish and _WISH in known else {})
            try:
                self._read = self._store(data)
            except Conflict:
                self._read = self._objects.get("configmap", self._name)
                present = self._data(self._read) if self._read else {}
                if present.get(_KEY) not in (known.get(_KEY), written):
                    break
            else:
                return
        raise ChangedByOthers(
            f"another driver has written ConfigMap {self._name}; only one may, so this one stops. "
            "`plimsoll rollout status` shows what the other one does"
        )

    def leave_wish(self, wish: Wish) -> None:
        """Ask the driver, whichever process it is, for something.

        Raises:
            OperatorError: there is no rollout, or the ConfigMap changes too often.
        """
        for _ in range(5):
            stored = self.read()
            if stored is None or stored.record.ended or self._read is None:
                raise OperatorError(
                    f"no rollout is under way; ConfigMap {self._name} has none. `plimsoll rollout run` begins one"
                )
            data = {**self._data(self._read), _WISH: wish}
            with suppress(Conflict):
                self._objects.replace({**self._read, "data": data})
                return
        raise OperatorError(f"ConfigMap {self._name} changes too often to be written; try again")

    def _store(self, data: dict[str, str]) -> Object:
        if self._read is None:
            return self._objects.create(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {
                        "name": self._name,
                        "labels": {"app.kubernetes.io/managed-by": "plimsoll-rollout"},
                    },
                    "data": data,
                }
            )
        return self._objects.replace({**self._read, "data": data})

    def _decode(self, written: str) -> Record:
        try:
            return msgspec.json.decode(written, type=Record)
        except (msgspec.DecodeError, ValueError) as error:
            raise OperatorError(
                f"ConfigMap {self._name} holds no record that this version of Plimsoll reads ({error}); use the "
                "version that wrote it, or end the rollout by hand (docs/canary.md) and delete the ConfigMap"
            ) from None

    @staticmethod
    def _data(found: Object) -> Mapping[str, Any]:
        data = found.get("data")
        return data if isinstance(data, Mapping) else {}
