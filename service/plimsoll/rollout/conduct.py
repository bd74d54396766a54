"""Begins a rollout, goes on with one, and ends one, as the commands ask for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from plimsoll.errors import OperatorError
from plimsoll.rollout.changes import Changes
from plimsoll.rollout.display import Display
from plimsoll.rollout.driver import Driver, Patience, Ports
from plimsoll.rollout.lease import LeaseHeld
from plimsoll.rollout.plan import Plan, stages
from plimsoll.rollout.release_values import Values, difference
from plimsoll.rollout.state import Record, Wish

MakePlan = Callable[[], tuple[Plan, int]]
_CLOCK_SECONDS = 60.0


class Conductor:
    """The commands of `plimsoll rollout` that change something. Each takes the Lease and gives it back."""

    def __init__(self, ports: Ports, display: Display, patience: Patience) -> None:
        self._ports = ports
        self._display = display
        self._patience = patience

    def run(self, make_plan: MakePlan, given: Values, *, adopt: bool = False) -> Record:
        """Begin a rollout, or go on with the one that is under way, to its end.

        Args:
            make_plan: makes the plan, if none is under way.
            given: values of the canary that the user has given; those of a rollout under way must be the same.
            adopt: take the newest revision for the driver's own, even if somebody else made it.

        Raises:
            OperatorError: see `Driver.drive`; the plan is refused; or another version is being rolled out.
        """
        self._ports.lease.acquire(self._display.note)
        try:
            stored = self._ports.store.read()
            if stored is not None and stored.record.ended and _is_done(stored.record, given):
                self._display.event("ended", "this version was promoted already", stored.record)
                return stored.record
            if stored is None or stored.record.ended:
                return self._drive(self._begun(make_plan))
            record = self._resumed(stored.record, given)
            return self._drive(self._adopted(record) if adopt else record)
        finally:
            self._ports.lease.release()

    def start(self, make_plan: MakePlan) -> Record:
        """Begin a rollout, and stop at its first weight.

        Raises:
            OperatorError: as above; or a rollout is under way.
        """
        self._ports.lease.acquire(self._display.note)
        try:
            stored = self._ports.store.read()
            if stored is not None and not stored.record.ended:
                raise OperatorError(
                    f"a rollout of {stored.record.plan.release} is already under way, at stage "
                    f"`{stored.record.stage.name}`; go on with `plimsoll rollout run`, or end it with `plimsoll "
                    "rollout abort`"
                )
            return self._drive(self._begun(make_plan))
        finally:
            self._ports.lease.release()

    def wish(self, wish: Wish) -> Record | None:
        """Do what a person wants; or leave it to the driver that is at work, which gives `None`.

        Raises:
            OperatorError: no rollout is under way, or as `Driver.drive`.
        """
        self._ports.store.leave_wish(wish)
        try:
            self._ports.lease.acquire(self._display.note)
        except LeaseHeld as held:
            self._display.note(f"{held.holder} drives the rollout, and was asked for `{wish}`")
            return None
        try:
            stored = self._ports.store.read()
            if stored is None or stored.record.ended:
                return stored.record if stored else None
            record = stored.record
            return self._drive(self._adopted(record) if wish == "abort" else record)
        finally:
            self._ports.lease.release()

    def _drive(self, record: Record) -> Record:
        return Driver(self._ports, self._display, self._patience).drive(record)

    def _begun(self, make_plan: MakePlan) -> Record:
        plan, revision = make_plan()
        first = next(stage for stage in stages(plan, "forward") if stage.share is not None)
        now = self._ports.time.now()
        record = Record(identifier=uuid.uuid4().hex[:12], plan=plan, revision=revision, since_seconds=now)
        refused = self._ports.refusal(record, first)
        if refused:
            raise OperatorError(refused)
        self._ports.lease.check()
        self._ports.store.write(record, keep_wish=False)
        return record

    def _resumed(self, record: Record, given: Values) -> Record:
        if difference(record.plan.canary, given):
            raise OperatorError(
                f"a rollout of another canary of {record.plan.release} is already under way, at stage "
                f"`{record.stage.name}`; go on with it by `plimsoll rollout run` without values of a canary, or end it "
                "with `plimsoll rollout abort`"
            )
        behind = record.since_seconds - self._ports.time.now()
        if behind > _CLOCK_SECONDS:
            raise OperatorError(
                f"the clock is {behind:.0f} s behind the time in the record of the rollout; correct the clock of this "
                "machine, then start again. The split stays as it is"
            )
        self._display.note(f"going on with the rollout under way, at stage `{record.stage.name}`")
        return record

    def _adopted(self, record: Record) -> Record:
        return Changes(self._ports.release, self._ports.lease, self._ports.time, self._ports.store.write).adopt(record)


def _is_done(record: Record, given: Values) -> bool:
    """Whether a driver that was ended after its last step is asked for the same again."""
    return record.outcome == "promoted" and bool(given) and not difference(record.plan.canary, given)
