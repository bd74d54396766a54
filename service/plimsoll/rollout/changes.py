"""Brings about one change of the release, whatever an earlier driver had done of it when it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from plimsoll.rollout.helm import Release, ReleaseUnavailable, Revision
from plimsoll.rollout.lease import DriverLease, Time
from plimsoll.rollout.release_values import Values, at, difference, overlay, same
from plimsoll.rollout.state import ChangedByOthers, Record

INTERRUPTED_SECONDS = 180.0
"""After so long an upgrade that is still pending was interrupted: helm itself ends earlier."""
_LOOK_SECONDS = 2.0
_MADE = ("deployed", "superseded")


class Changes:
    """Makes the changes of a rollout in the release, and notices those of others.

    The record is written before a change, with its values and the newest revision at that time. So a later driver knows
    the change when it finds it: it is the next revision, and differs from the one before by these values alone.
    """

    def __init__(self, release: Release, lease: DriverLease, time: Time, write: Callable[[Record], None]) -> None:
        self._release = release
        self._lease = lease
        self._time = time
        self._write = write

    def recognise(self, record: Record) -> Record:
        """The record with the newest revision in it, if that is the driver's own.

        Raises:
            ChangedByOthers: somebody else has made it.
            ReleaseUnavailable: helm cannot say.
        """
        revisions = self._finished(record)
        last = revisions[-1]
        if last.number == record.revision:
            return record
        if self._release.exclusive and not self._is_own(record, revisions):
            raise ChangedByOthers(
                f"release {record.plan.release} is at revision {last.number} ({last.description or last.status}), and "
                f"the rollout made revision {record.revision}; somebody else has changed the release, so the driver "
                f"stops and the split stays as it is. Look at it with `helm history {record.plan.release}`. Then "
                "`plimsoll rollout run --adopt` goes on from there, or `plimsoll rollout abort` removes the canary"
            )
        found = replace(record, revision=last.number)
        self._write(found)
        return found

    def adopt(self, record: Record) -> Record:
        """The record with the newest revision in it, even if somebody else made it."""
        found = replace(record, revision=self._release.history()[-1].number)
        self._write(found)
        return found

    def present(self) -> Values:
        """The values in force: those of the last revision that was made."""
        return self._release.values(_made(self._release.history()).number)

    def bring_about(self, record: Record, values: Values, *, insist: bool) -> tuple[Record, bool]:
        """Have the release hold the values; and whether it does. Without a need nothing is changed.

        The newest revision has to be that of the record: see `recognise`. With `insist` fields of others are taken
        over.

        Raises:
            ChangedByOthers: somebody else has changed the release.
            UpgradeFailed: helm could not.
            LeaseLost: another driver has taken over.
        """
        revisions = self._release.history()
        made = _made(revisions)
        missing = difference(self._release.values(made.number), values)
        if not missing and revisions[-1].number == made.number:
            return record, True
        self._lease.check()
        self._release.upgrade(missing or values, insist=insist)
        if not self._release.exclusive:
            return record, False
        return self.recognise(record), True

    def check_weight(self, record: Record) -> None:
        """Notice a weight that others have committed, where another tool makes the revisions.

        Raises:
            ChangedByOthers: the release has another weight than the rollout asked for.
        """
        weight = at(self.present(), "canary.weight", 0)
        if weight != record.weight:
            raise ChangedByOthers(
                f"canary.weight of release {record.plan.release} is {weight}, and the rollout asked for "
                f"{record.weight}; somebody else has changed it, so the driver stops and the split stays as it is. "
                f"Commit {record.weight} again and start `plimsoll rollout run`, or `plimsoll rollout abort`"
            )

    def _finished(self, record: Record) -> tuple[Revision, ...]:
        """The history, once no upgrade of the driver is under way. One that was interrupted is removed."""
        began = self._time.monotonic()
        while (revisions := self._release.history())[-1].pending:
            if not self._release.exclusive or not self._is_own(record, revisions):
                return revisions
            waited = self._time.monotonic() - began
            if waited > 2 * INTERRUPTED_SECONDS:
                raise ReleaseUnavailable(
                    f"an upgrade of {record.plan.release} was interrupted and cannot be removed; end it with "
                    f"`helm rollback {record.plan.release}`, then `plimsoll rollout run --adopt`"
                )
            if max(waited, self._time.now() - revisions[-1].updated_seconds) > INTERRUPTED_SECONDS:
                self._lease.check()
                self._release.forget(revisions[-1].number)
            self._time.sleep(_LOOK_SECONDS)
        return revisions

    def _is_own(self, record: Record, revisions: Sequence[Revision]) -> bool:
        last = revisions[-1]
        if record.progress != "changing" or record.change is None or last.number != record.revision + 1:
            return False
        before = _made([each for each in revisions if each.number <= record.revision])
        expected = overlay(self._release.values(before.number), record.change.values)
        return same(self._release.values(last.number), expected)


def _made(revisions: Sequence[Revision]) -> Revision:
    """The newest revision whose values helm builds on: the last that did not fail."""
    return next((each for each in reversed(revisions) if each.status in _MADE), revisions[-1])
