"""The driver: takes a rollout from stage to stage, by the verdicts of the judge.

Each transition writes the record before it changes the release and after it. So a driver may end at any moment, and the
next one does the same transition again: what is done already is recognised and not done twice.
"""

from __future__ import annotations

from dataclasses import replace

from plimsoll.errors import OperatorError
from plimsoll.rollout.changes import Changes
from plimsoll.rollout.display import Display, Look
from plimsoll.rollout.helm import ReleaseUnavailable, UpgradeFailed
from plimsoll.rollout.history import HistoryUnavailable
from plimsoll.rollout.kubernetes import ClusterUnavailable
from plimsoll.rollout.plan import change_of, promotion_begins, stages
from plimsoll.rollout.ports import Patience, Ports
from plimsoll.rollout.readiness import Tracks
from plimsoll.rollout.release_values import at, difference
from plimsoll.rollout.state import Outcome, Record, Wish

__all__ = ["Driver", "Held", "Patience", "Ports"]  # the names that a caller of a driver needs
_POLL_SECONDS = 5.0
_WAIT_SECONDS = 2.0
_ATTEMPTS = {"forward": 5, "back": 60}


class Held(OperatorError):
    """The rollout waits for a person, and this driver was asked not to wait, or not for so long."""


class Driver:
    """Drives one rollout. The caller holds the Lease."""

    def __init__(self, ports: Ports, display: Display, patience: Patience) -> None:
        self._ports = ports
        self._display = display
        self._patience = patience
        self._tracks = Tracks(ports.objects, ports.time)
        self._changes = Changes(ports.release, ports.lease, ports.time, ports.store.write)
        self._attempts, self._insists = 0, False
        self._looked_at: float | None = None
        self._transitions = {
            "new": self._plan_change,
            "changing": self._make_change,
            "waiting": self._wait_for_pods,
            "watching": self._watch,
        }

    def drive(self, record: Record) -> Record:
        """Go on until the rollout has ended or, with `one_step`, until the next stage is watched.

        Raises:
            Held: it waits for a person, longer than this driver is to wait.
            ChangedByOthers: somebody else has changed the release or the split.
            LeaseLost: another driver has taken over.
            OperatorError: helm or the cluster refuse for good.
        """
        failing_since: float | None = None
        while not record.ended:
            try:
                record, wish = self._obey(record)
                if self._patience.one_step and record.progress == "watching" and wish is None:
                    return record
                record = self._transitions[record.progress](record)
                failing_since = None
            except UpgradeFailed:
                raise
            except (ClusterUnavailable, ReleaseUnavailable) as error:
                now = self._ports.time.monotonic()
                failing_since = now if failing_since is None else failing_since
                if now - failing_since > record.plan.step_seconds:
                    raise
                self._display.note(f"{error.message}; the split stays as it is, and the driver tries again")
                self._ports.time.sleep(_POLL_SECONDS)
        return record

    def _obey(self, record: Record) -> tuple[Record, Wish | None]:
        """Do what a person has asked for, as soon as the stage allows it; and the wish that has to wait.

        A `step` is for the stage that the person saw: it is dropped once the rollout has gone on from there.
        """
        stored = self._ports.store.read()
        wish = stored.wish if stored else None
        if stored is None or wish is None or record.route == "back":
            return record, None
        if wish == "abort":
            if record.progress == "changing":
                record = self._changes.recognise(record)
            return self._turn_back(record, "a person has asked for it", keep_wish=False), None
        if wish == "step" and stored.wished_at != record.position:
            self._display.note(f"`step` was asked for before stage `{record.stage.name}`, where the rollout is already")
            return self._written(record, keep_wish=False), None
        if wish == "promote" and record.position >= promotion_begins(record.plan):
            return record, None
        if record.progress != "watching":
            return record, wish
        position = promotion_begins(record.plan) if wish == "promote" else record.position + 1
        self._display.note(f"a person has asked for `{wish}`")
        return self._to(record, position, keep_wish=False), None

    def _plan_change(self, record: Record) -> Record:
        """Write down the values of the stage before they are set, and end the period that counts."""
        record = self._changes.recognise(record)
        present = self._changes.present()
        change = self._tracks.relieved(record, change_of(record.plan, record.stage, present, self._tracks.pods(record)))
        optional = record.stage.kind in ("pods", "restore") and record.stage.share is None
        if optional and not difference(present, change.values):
            return self._to(record, record.position + 1)
        now = self._now(record)
        return self._written(replace(record.closed(now), progress="changing", change=change, since_seconds=now))

    def _make_change(self, record: Record) -> Record:
        """Have the release hold the values; a weight only while the canary answers."""
        stage, change = record.stage, record.change
        if change is None:
            return self._written(replace(record, progress="new"))
        record = self._changes.recognise(record)
        lost = self._tracks.needed_canary_lost(record)
        if lost:
            return self._without_canary(record, lost)
        if stage.kind == "weight" and stage.weight > 0 and not self._tracks.canary_answers(record):
            self._ports.time.sleep(_WAIT_SECONDS)
            return record
        try:
            record, done = self._changes.bring_about(record, change.values, insist=self._insists)
        except UpgradeFailed as error:
            self._attempts += 1
            self._insists = error.by_conflict and record.route == "back"
            if self._attempts >= _ATTEMPTS[record.route]:
                raise
            self._display.note(f"{error.message}; tried again in {_POLL_SECONDS:.0f} s")
            self._ports.time.sleep(_POLL_SECONDS)
            return self._changes.recognise(record)  # a failed upgrade is a revision, too
        self._attempts, self._insists = 0, False
        now = self._now(record)
        if not done:
            return self._wait_for_commit(record, now)
        weight = at(change.values, "canary.weight", record.weight) if stage.weight < 0 else stage.weight
        return self._written(replace(record, progress="waiting", weight=weight, since_seconds=now))

    def _wait_for_commit(self, record: Record, now: float) -> Record:
        if now - record.since_seconds > record.plan.step_seconds:
            minutes = record.plan.step_seconds / 60
            raise Held(
                f"the values for stage `{record.stage.name}` have not arrived after {minutes:.0f} minutes; commit "
                "them, and start `plimsoll rollout run` again"
            )
        self._ports.time.sleep(_POLL_SECONDS)
        return record

    def _wait_for_pods(self, record: Record) -> Record:
        """Go on to the judge or to the next stage once the pods are ready; back if they never are."""
        found = self._tracks.readiness(record)
        now = self._now(record)
        if found.ready or self._tracks.only_stable_answers(record):
            return self._arrived(record, now)
        lost = self._tracks.needed_canary_lost(record)
        if lost:
            return self._without_canary(record, lost)
        late = now - record.since_seconds > record.plan.step_seconds
        if found.failed or late:
            if record.route == "back":
                return self._arrived(record, now)
            awaited = found.awaited or f"the pods of stage `{record.stage.name}` are not ready"
            waited_seconds = now - record.since_seconds
            return self._turn_back(record, found.failed or f"{awaited} after {waited_seconds:.0f} s")
        self._ports.time.sleep(_WAIT_SECONDS)
        return record

    def _without_canary(self, record: Record, lost: str) -> Record:
        """Back; but on to weight 0 if all pods of stable have the canary's version already."""
        if record.stage.kind == "floor":
            self._display.note(f"{lost}; stable has its version by now and takes over")
            return self._to(record, record.position + 1)
        return self._turn_back(record, lost)

    def _arrived(self, record: Record, now: float) -> Record:
        stage = record.stage
        self._display.event("stage", f"{stage.name}: done", record)
        if record.route == "forward" and stage.share is not None:
            counting = now + record.plan.settle_seconds
            self._looked_at = None
            return self._written(replace(record, progress="watching", since_seconds=now, counting_from=counting))
        return self._to(record, record.position + 1)

    def _watch(self, record: Record) -> Record:
        """Watch for a canary that dies; and each interval look for changes by others, and ask the judge."""
        lost = self._tracks.canary_lost(record)
        if lost:
            return self._turn_back(record, lost)
        now = self._now(record)
        if self._looked_at is None or now - self._looked_at >= record.plan.interval_seconds:
            self._looked_at = now
            record = self._changes.recognise(record)
            if not self._ports.release.exclusive:
                self._changes.check_weight(record)
            self._tracks.check_route(record)
            restarted = "" if record.held and not record.undecided else self._tracks.restarted(record)
            if restarted:
                return self._hold(record, restarted)
            after = self._judged(record, now)
            if after is not record:
                return after
        waited = now - record.since_seconds
        if record.held and waited >= self._patience.hold_seconds:
            raise Held(f"the rollout waits for a person at stage `{record.stage.name}`: {record.reason}")
        if not record.held and waited > record.plan.step_seconds:
            reason = f"no decision within {record.plan.step_seconds / 60:.0f} minutes"
            return self._hold(record, reason, undecided=True)
        self._ports.time.sleep(min(_POLL_SECONDS, record.plan.interval_seconds))
        return record

    def _judged(self, record: Record, now: float) -> Record:
        """The record after a look at the counters: turned back, held, at the next stage, or the same."""
        plan, counting = record.plan, record.counting_from
        if counting is None or now < counting + plan.interval_seconds:
            return record
        try:
            intervals = self._ports.history.read(record.periods_until(now), plan.interval_seconds)
        except HistoryUnavailable as error:
            self._display.note(f"{error.message}; the split stays as it is, and the driver asks again")
            return record
        verdict = self._ports.judge(intervals, counting, plan.rules)
        self._display.look(Look(record, verdict, intervals, record.since_seconds + plan.step_seconds - now))
        if verdict.result == "fail":
            return self._turn_back(record, verdict.reason)
        if record.held and not record.undecided:
            return record
        if verdict.result == "hold":
            return self._hold(record, verdict.reason)
        passed = verdict.result == "pass" and self._tracks.canary_answers(record)
        return self._passed(record) if passed else record

    def _passed(self, record: Record) -> Record:
        """The next stage, if it can decide at the present rate."""
        following = stages(record.plan, "forward")[record.position + 1 :]
        judged = next((stage for stage in following if stage.share is not None), None)
        refused = self._ports.refusal(record, judged) if judged else ""
        return self._hold(record, refused) if refused else self._to(record, record.position + 1)

    def _hold(self, record: Record, reason: str, *, undecided: bool = False) -> Record:
        held = replace(record, held=True, undecided=undecided, reason=reason, since_seconds=self._now(record))
        held = self._written(held)
        self._display.event("held", f"held: {reason}. Go on with `plimsoll rollout step`, `promote` or `abort`", held)
        return held

    def _turn_back(self, record: Record, reason: str, *, keep_wish: bool = True) -> Record:
        """Leave the way forward: the next stages send all requests to stable and remove the canary."""
        now = self._now(record)
        turned = replace(
            record.closed(now), route="back", position=0, progress="new", change=None, held=False, reason=reason
        )
        self._display.event("back", f"rolling back: {reason}", turned)
        return self._written(replace(turned, since_seconds=now), keep_wish=keep_wish)

    def _to(self, record: Record, position: int, *, keep_wish: bool = True) -> Record:
        """The beginning of another stage, or the end."""
        now = self._now(record)
        reason = record.reason if record.route == "back" else ""
        moved = replace(record.closed(now), progress="new", change=None, held=False, reason=reason, since_seconds=now)
        if position < len(stages(record.plan, record.route)):
            return self._written(replace(moved, position=position), keep_wish=keep_wish)
        outcome: Outcome = "promoted" if record.route == "forward" else "rolled back"
        ended = self._written(replace(moved, outcome=outcome), keep_wish=False)
        self._display.event("ended", f"{outcome}{f': {record.reason}' if record.reason else ''}", ended)
        return ended

    def _written(self, record: Record, *, keep_wish: bool = True) -> Record:
        self._ports.lease.check()
        self._ports.store.write(record, keep_wish=keep_wish)
        return record

    def _now(self, record: Record) -> float:
        """The time, which is never before one that the record already has."""
        return max(self._ports.time.now(), record.since_seconds)
