"""The heart: a driver that ends at any moment and is started again gets to the same end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from plimsoll.rollout.driver import Held
from plimsoll.rollout.helm import ReleaseUnavailable
from plimsoll.rollout.lease import LeaseLost
from plimsoll.rollout.release_values import Values, overlay
from plimsoll.rollout.state import ChangedByOthers

from tests.doubles.rollout_cluster import VALUES, Faults, Killed
from tests.doubles.rollout_session import CANARY, RECORD, Session, bad_at

SCALED = overlay(VALUES, {"autoscaling": {"engine": "cpu"}})
BY_PODS = overlay(VALUES, {"httpRoute": {"enabled": False}})
LARGER = {**CANARY, "resources": {"limits": {"cpu": 2}}}
QUICK = {"weights": (25, 100), "step_seconds": 600.0, "interval_seconds": 20.0, "canary": LARGER}
"""A rollout of few calls, since a test ends it at each of them."""
Change = Callable[[Session], None]


def weights(session: Session) -> list[int]:
    """The weights that were ever in force, each once where several revisions had it."""
    found = [weight for weight, _ in session.cluster.log]
    return [weight for place, weight in enumerate(found) if place == 0 or weight != found[place - 1]]


def promoted(values: dict[str, object] = VALUES) -> dict[str, object]:
    return overlay(values, {"model": {"version": "2"}})


def quick(weight: int, seconds: float) -> str:
    return "pass" if seconds >= 20 or weight > 100 else "continue"


def quickly_bad(_weight: int, seconds: float) -> str:
    return "fail" if seconds >= 20 else "continue"


def test_a_good_canary_is_promoted() -> None:
    session = Session()
    assert session.run().outcome == "promoted"
    assert weights(session) == [0, 5, 25, 50, 100, 0]
    assert session.cluster.present() == promoted()
    assert session.cluster.stored["lease", "plimsoll-rollout"]["spec"]["holderIdentity"] == ""


def test_a_bad_canary_is_rolled_back() -> None:
    session = Session()
    session.script = bad_at(25)
    record = session.run()
    assert (record.outcome, record.reason) == ("rolled back", "the reason")
    assert weights(session) == [0, 5, 25, 0]
    assert session.cluster.present() == VALUES


def test_with_an_autoscaler_stable_keeps_its_pods_until_the_end() -> None:
    session = Session(SCALED)
    session.run()
    floors = [values["autoscaling"]["minReplicas"] for values in session.cluster.held_values.values()]
    assert (floors[0], set(floors[1:-1]), floors[-1]) == (2, {4}, 2)
    assert session.cluster.present() == promoted(SCALED)


def test_by_pods_the_steps_are_the_nearest_numbers_of_pods() -> None:
    session = Session(BY_PODS | {"replicas": 3})
    session.run()
    pods = [values["canary"]["replicas"] for values in session.cluster.held_values.values()]
    assert pods == [1, 1, 3, 3, 1]
    assert {period.weight for period in session.history.periods} == {None}
    assert session.cluster.present() == promoted(BY_PODS | {"replicas": 3})


@pytest.mark.parametrize("helm_dies", [False, True])
@pytest.mark.parametrize("values", [VALUES, BY_PODS, SCALED], ids=["by weight", "by pods", "with autoscaler"])
@pytest.mark.parametrize(("script", "end"), [(quick, promoted), (quickly_bad, lambda values: values)])
def test_a_driver_killed_at_any_call_and_started_again_ends_the_same(
    script: Callable[[int, float], str],
    end: Callable[..., dict[str, object]],
    values: dict[str, object],
    *,
    helm_dies: bool,
) -> None:
    whole = _started(script, values, helm_dies=helm_dies)
    whole.run(**QUICK)
    points = whole.cluster.faults.points
    assert points > 90
    for kill_at in range(1, points + 1, 1 if values is VALUES and not helm_dies else 4):
        session = _started(script, values, helm_dies=helm_dies)
        session.cluster.faults = Faults(kill_at)
        with pytest.raises(Killed):
            session.run(**QUICK)
        with suppress(AssertionError):
            if session.record().ended:
                continue
        session.run(**QUICK)
        assert session.cluster.present() == overlay(end(values), {"canary": {"resources": LARGER["resources"]}}), (
            kill_at
        )
        assert weights(session) == weights(whole), kill_at
        assert all(ready >= 1 for weight, ready in session.cluster.log if weight), kill_at


@pytest.mark.parametrize("command", ["abort", "run --adopt"])
@pytest.mark.parametrize("helm_dies", [False, True])
def test_a_driver_killed_at_any_call_is_ended_by_abort_and_continued_by_adopt(command: str, *, helm_dies: bool) -> None:
    whole = _started(quick, VALUES, helm_dies=helm_dies)
    whole.run(weights=(25, 100))
    for kill_at in range(1, whole.cluster.faults.points + 1, 1 if helm_dies else 7):
        session = _started(quick, VALUES, helm_dies=helm_dies)
        session.cluster.faults = Faults(kill_at)
        with pytest.raises(Killed):
            session.run(weights=(25, 100))
        if helm_dies != session.cluster.revisions[-1].pending or ("configmap", RECORD) not in session.cluster.stored:
            continue  # the test above has these
        if session.record().ended:
            continue
        conductor = session.conductor()
        ended = conductor.wish("abort") if command == "abort" else conductor.run(pytest.fail, CANARY, adopt=True)
        assert ended is not None
        assert ended.outcome == ("rolled back" if command == "abort" else "promoted"), kill_at
        assert session.cluster.present() == (VALUES if command == "abort" else promoted()), kill_at
        assert not any(revision.pending for revision in session.cluster.revisions)


@pytest.mark.parametrize("ends", [True, False])
def test_an_upgrade_of_somebody_else_that_is_under_way_is_waited_for_and_never_adopted(*, ends: bool) -> None:
    session = Session()
    session.conductor(one_step=True).start(session.planning())
    session.cluster.add_revision(overlay(session.cluster.present(), {"unrelated": 1}), "pending-upgrade")
    sleep, began = session.time.sleep, session.time.monotonic()

    def finish(seconds: float) -> None:
        sleep(seconds)
        if ends and session.time.monotonic() - began > 60 and session.cluster.revisions[-1].pending:
            session.cluster.finish()

    session.time.sleep = finish  # type: ignore[method-assign]
    if ends:
        assert session.conductor().wish("abort") == session.record()
        assert session.record().outcome == "rolled back"
        return
    revision = session.record().revision
    with pytest.raises(ReleaseUnavailable, match=r"is pending-upgrade, and the rollout did not make it.*helm rollback"):
        session.conductor().wish("abort")
    assert session.record().revision == revision


def _started(script: Callable[[int, float], str], values: dict[str, object], *, helm_dies: bool) -> Session:
    session = Session(values)
    session.script = script
    session.cluster.helm_dies = helm_dies
    return session


def test_the_evidence_of_a_step_survives_the_driver() -> None:
    """A period that is open while no driver runs is still open for the next one."""
    session = Session()
    session.script = lambda _weight, seconds: "pass" if seconds >= 300 else "continue"
    session.cluster.faults = Faults(260)
    with pytest.raises(Killed):
        session.run(weights=(25, 100))
    counting_from = session.record().counting_from
    assert counting_from is not None
    session.run()
    assert session.history.periods[0].start_seconds == counting_from


def test_an_upgrade_by_somebody_else_stops_the_driver_and_the_split_stays() -> None:
    session = Session()
    stop_in_step(session, lambda session: session.cluster.by_hand({"resources": {"limits": {"cpu": 1}}}), 25)
    with pytest.raises(ChangedByOthers, match=r"is at revision \d+ .*`plimsoll rollout run --adopt` goes on"):
        session.run()
    assert (session.cluster.weight, session.cluster.present()["canary"]["mode"]) == (25, "gatewayAPI")
    session.script = bad_at(50)
    with pytest.raises(ChangedByOthers):
        session.run()
    assert session.conductor().run(session.planning(), CANARY, adopt=True).outcome == "rolled back"


def test_a_helm_rollback_in_the_middle_stops_the_driver_and_abort_cleans_up() -> None:
    session = Session()
    stop_in_step(session, lambda session: session.cluster.by_hand(VALUES, "Rollback to 1"), 25)
    with pytest.raises(ChangedByOthers, match=r"\(Rollback to 1\)"):
        session.run()
    ended = session.conductor().wish("abort")
    assert ended is not None
    assert ended.outcome == "rolled back"
    assert session.cluster.present() == VALUES


def test_a_weight_set_by_hand_stops_the_driver() -> None:
    session = Session()
    by_hand = [{"name": "plimsoll-stable", "weight": 10}, {"name": "plimsoll-canary", "weight": 90}]
    stop_in_step(session, lambda session: session.cluster.set_route(by_hand), 25)
    with pytest.raises(ChangedByOthers, match="has the weight 90 for the canary, and the rollout gave it 25"):
        session.run()
    assert session.cluster.weight == 90
    session.cluster.foreign = True
    ended = session.conductor().wish("abort")
    assert ended is not None
    assert (ended.outcome, session.cluster.present()) == ("rolled back", VALUES)


def stop_in_step(session: Session, change: Change, weight: int) -> None:
    """Have somebody change something once the judge looks at a weight."""
    done: list[int] = []

    def script(present: int, seconds: float) -> str:
        if present == weight and not done:
            done.append(present)
            change(session)
            return "continue"
        return "pass" if seconds >= 30 else "continue"

    session.script = script


def test_a_canary_that_is_never_ready_gets_no_request_and_is_rolled_back() -> None:
    session = Session(broken={"2"})
    record = session.run()
    assert record.reason == "the pods of canary did not become ready: it has timed out"
    assert weights(session) == [0]
    assert session.cluster.present() == VALUES


def test_a_canary_that_dies_half_way_is_rolled_back() -> None:
    session = Session()

    def die(session: Session) -> None:
        session.cluster.canary.dead_since = session.time.monotonic()

    stop_in_step(session, die, 25)
    record = session.run()
    assert (record.outcome, weights(session)) == ("rolled back", [0, 5, 25, 0])
    assert "no ready pod for 3" in record.reason


def test_while_prometheus_is_down_the_split_stays() -> None:
    session = Session()
    stop_in_step(session, lambda session: _down(session, 120), 25)
    assert session.run().outcome == "promoted"
    assert weights(session) == [0, 5, 25, 50, 100, 0]
    assert any("Prometheus does not answer; the split stays" in note for note in session.shown.notes)


def test_a_prometheus_that_stays_down_holds_the_rollout_in_the_end() -> None:
    session = Session()
    stop_in_step(session, lambda session: _down(session, 1e6), 25)
    with pytest.raises(Held, match="no decision within 10 minutes"):
        session.conductor(hold_seconds=600).run(session.planning(step_seconds=600.0), CANARY)
    assert session.cluster.weight == 25


def _down(session: Session, seconds: float) -> None:
    session.history.down_until = session.time.monotonic() + seconds


def test_no_upgrade_follows_once_another_driver_has_the_lease() -> None:
    """Also if a claim that was renewed just now was taken over while this machine slept."""
    session = Session()
    values = session.cluster.values

    def taken_meanwhile(revision: int) -> Values:
        lease = session.cluster.stored["lease", RECORD]
        record = session.record() if session.cluster.weight == 25 else None
        if record and (record.stage.name, record.progress) == ("pods for all requests", "changing"):
            session.cluster.replace({**lease, "spec": {"holderIdentity": "another"}})
        return values(revision)

    session.cluster.values = taken_meanwhile  # type: ignore[method-assign]
    with pytest.raises(LeaseLost, match="another has taken over"):
        session.run(weights=(25, 100))
    assert session.cluster.present()["canary"]["replicas"] == 2


def test_a_failure_of_helm_is_tried_again() -> None:
    session = Session()
    stop_in_step(session, lambda session: setattr(session.cluster, "refusing", 3), 25)
    assert session.run().outcome == "promoted"
    assert sum("the API server refuses" in note for note in session.shown.notes) == 3
