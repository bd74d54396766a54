"""Begins a rollout, goes on with one, and ends one, as the commands ask for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from plimsoll.errors import OperatorError
from plimsoll.rollout.changes import Changes
from plimsoll.rollout.display import Display
from plimsoll.rollout.driver import Driver
from plimsoll.rollout.lease import LeaseHeld, LeaseLost
from plimsoll.rollout.plan import Plan, stages
from plimsoll.rollout.ports import Patience, Ports
from plimsoll.rollout.release_values import Values, at, difference
from plimsoll.rollout.state import Record, Stored, Wish

MakePlan = Callable[[], tuple[Plan, int]]
_CLOCK_SECONDS = 60.0
_UNWATCHED = "Nothing watches the canary until a driver runs again"


class Conductor:
    """The commands of `plimsoll rollout` that change something. Each takes the Lease and gives it back."""

    def __init__(self, ports: Ports, display: Display, patience: Patience) -> None:
        self._ports = ports
        self._display = display
        self._patience = patience
        self._changes = Changes(ports.release, ports.lease, ports.time, ports.store.write)

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
            if stored is not None and stored.record.ended and self._is_done(stored.record, given):
                self._display.event("ended", _done(stored.record), stored.record)
                return stored.record
            if stored is None or stored.record.ended:
                return self._drive(self._begun(make_plan))
            record = self._resumed(stored.record, given)
            self._drop_old(stored)
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
            OperatorError: no rollout is under way, it was promoted before it could be aborted, or as `Driver.drive`.
        """
        self._ports.store.leave_wish(wish)
        try:
            self._ports.lease.acquire(self._display.note)
        except LeaseHeld as held:
            self._display.note(
                f"{held.holder} drives the rollout, and was asked for `{wish}`; `plimsoll rollout status` shows when "
                "that is done"
            )
            return None
        try:
            stored = self._ports.store.read()
            if stored is None:
                return None
            record = stored.record
            if record.ended:
                return self._too_late(record, wish)
            return self._drive(self._adopted(record) if wish == "abort" else record)
        finally:
            self._ports.lease.release()

    def _too_late(self, record: Record, wish: Wish) -> Record:
        """The record of a rollout that another driver ended in the meantime, if that is what the person wants."""
        if wish == "abort" and record.outcome == "promoted":
            raise OperatorError(
                "the canary was promoted before the rollout could be aborted; `helm rollback` or a rollout of the "
                "earlier version goes back"
            )
        self._display.event("ended", f"{record.outcome}, by another driver", record)
        return record

    def _drop_old(self, stored: Stored) -> None:
        """Remove a `step` or a `promote` that was left for an earlier driver; what its person saw is past."""
        if stored.wish in ("step", "promote"):
            self._display.note(
                f"an earlier driver was asked for `{stored.wish}` and did not do it; ask again if needed"
            )
            self._ports.lease.check()
            self._ports.store.write(stored.record, keep_wish=False)

    def _drive(self, record: Record) -> Record:
        """As `Driver.drive`; and if it ends before the rollout does, a sentence about the canary that it leaves."""
        try:
            record = Driver(self._ports, self._display, self._patience).drive(record)
        except LeaseLost:
            raise
        except OperatorError as error:
            left = self._left_alone()
            raise (type(error)(f"{error.message}. {left}") if left else error) from None
        left = "" if record.ended else _unwatched(record)
        if left:
            self._display.note(left)
        return record

    def _left_alone(self) -> str:
        """A sentence if a canary is left with requests and without a driver; empty if another driver is at work."""
        try:
            self._ports.lease.renew()
            stored = self._ports.store.read()
        except LeaseLost:
            return ""
        except OperatorError:
            return _UNWATCHED
        return "" if stored is None or stored.record.ended else _unwatched(stored.record)

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

    def _is_done(self, record: Record, given: Values) -> bool:
        """Whether a driver that was ended after its last step is asked for the same again, and stable still has it."""
        asked_again = record.outcome == "promoted" and bool(given) and not difference(record.plan.canary, given)
        return asked_again and not difference(self._changes.present(), record.plan.promoted)

    def _adopted(self, record: Record) -> Record:
        return self._changes.adopt(record)


def _unwatched(record: Record) -> str:
    """A sentence; empty while the canary gets no requests."""
    if record.plan.mode == "replicas":
        return f"{_UNWATCHED}; its pods go on answering" if record.position or record.progress != "new" else ""
    weight = max(record.weight, record.stage.weight if record.progress == "changing" else 0)
    return f"{_UNWATCHED}; it keeps {weight} % of the requests" if weight else ""


def _done(record: Record) -> str:
    done = "this version was promoted already, and stable has it"
    image = at(record.plan.promoted, "image", {})
    if image.get("tag") and not image.get("digest"):
        done += f"; if tag {image['tag']} means another image by now, give that one by its --image-digest"
    return done
