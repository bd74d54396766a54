"""A canary that dies loses its requests soon, at whatever stage the rollout is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from plimsoll.rollout.driver import Held
from plimsoll.rollout.kubernetes import ClusterUnavailable
from plimsoll.rollout.release_values import Values, at, overlay

from tests.doubles import rollout_pods
from tests.doubles.rollout_cluster import VALUES
from tests.doubles.rollout_session import CANARY, RECORD, Session, bad_at, good

SCALED = overlay(VALUES, {"autoscaling": {"engine": "cpu"}})
FEW_SECONDS = 60.0
"""30 s until a canary counts as lost, and a few calls of helm."""
Slow = Callable[[Session], None]


def slow_canary(session: Session) -> None:
    """Pods that come later than the first one are not ready for long, as where no node has room for them."""
    slow(session.cluster.canary, lambda before, _version: before > 0)


def slow_stable(session: Session) -> None:
    """Pods of stable with the new version are not ready for long; the others are ready soon."""
    slow(session.cluster.stable, lambda _before, version: version.startswith("2"))


def slow_floor(session: Session) -> None:
    """Pods that an autoscaler adds to stable are not ready for long."""
    status = session.cluster.stable.status

    def late() -> dict[str, Any]:
        floored = "data" in session.cluster.stored.get(("configmap", RECORD), {}) and _stage(session)[0] == "floor"
        return status() | ({"replicas": 5} if floored else {})

    session.cluster.stable.status = late  # type: ignore[method-assign]


def slow(track: rollout_pods.Track, concerned: Callable[[int, str], bool]) -> None:
    whole = track.set

    def set_slowly(wanted: int, version: str) -> None:
        before = list(track.pods)
        whole(wanted, version)
        if track.pods != before and concerned(len(before), version):
            late = [(version, ready + 2000) for version, ready in track.pods[-1:]]
            track.pods = [*track.pods[:-1], *late]

    track.set = set_slowly  # type: ignore[method-assign]


def _stage(session: Session) -> tuple[str, str]:
    record = session.record()
    return record.stage.kind, record.progress


@pytest.mark.parametrize(
    ("values", "ready_late", "dies_in", "end"),
    [
        pytest.param(VALUES, slow_canary, "pods", "rolled back", id="more pods of the canary"),
        pytest.param(VALUES, slow_stable, "stable", "rolled back", id="promotion of stable"),
        pytest.param(SCALED, slow_floor, "floor", "promoted", id="pods of stable for all requests"),
    ],
)
def test_a_canary_that_dies_while_pods_are_awaited_soon_gets_no_request(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], ready_late: Slow, dies_in: str, end: str
) -> None:
    monkeypatch.setattr(rollout_pods, "DEADLINE_SECONDS", 1e9)
    session = Session(values)
    ready_late(session)
    sleep, upgrade, died, relieved = session.time.sleep, session.cluster.upgrade, [0.0], [0.0]

    def slept(seconds: float) -> None:
        if not died[0] and _stage(session) == (dies_in, "waiting") and session.cluster.weight:
            session.cluster.canary.dead_since = died[0] = session.time.monotonic()
        sleep(seconds)

    def upgraded(changes: Values, *, insist: bool = False) -> None:
        upgrade(changes, insist=insist)
        if died[0] and at(changes, "canary.weight") == 0 and not relieved[0]:
            relieved[0] = session.time.monotonic()

    session.time.sleep, session.cluster.upgrade = slept, upgraded  # type: ignore[method-assign]
    record = session.run(weights=(25, 100))
    assert record.outcome == end
    assert 0 < relieved[0] - died[0] <= FEW_SECONDS
    assert session.cluster.present() == (
        values if end == "rolled back" else overlay(values, {"model": {"version": "2"}})
    )


def test_without_a_pod_of_stable_a_lost_canary_keeps_its_weight_until_stable_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Weight 0 would only move the failures; and it comes with the first pod, not with the last."""
    monkeypatch.setattr(rollout_pods, "DEADLINE_SECONDS", 1e9)
    session = Session()
    upgrade, died = session.cluster.upgrade, [0.0]

    def upgraded(changes: Values, *, insist: bool = False) -> None:
        upgrade(changes, insist=insist)
        now, stable = session.time.monotonic(), session.cluster.stable
        if at(changes, "model.version") == "2":
            session.cluster.canary.dead_since = died[0] = now
            stable.pods = [(version, now + 5000) for version, _ in stable.pods]
        if at(changes, "model.version") == "1":
            stable.pods = [
                (version, now + late) for (version, _), late in zip(stable.pods, (90, 4000, 4000, 4000), strict=True)
            ]
        if at(changes, "canary.weight") == 0 and died[0]:
            assert stable.available == 1
            died.append(now)

    session.cluster.upgrade = upgraded  # type: ignore[method-assign]
    assert session.run().outcome == "rolled back"
    assert died[1] - died[0] <= 90 + FEW_SECONDS


@pytest.mark.parametrize(
    ("canary", "stable", "held"),
    [
        pytest.param(1, 0, True, id="only the canary"),
        pytest.param(1, 4, False, id="as many of stable"),
        pytest.param(0, 2, False, id="only stable"),
    ],
)
def test_a_canary_whose_containers_end_more_often_than_stables_is_held(canary: int, stable: int, *, held: bool) -> None:
    session = Session()

    def script(weight: int, seconds: float) -> str:
        if weight == 25:
            session.cluster.canary.ended = [session.time.now()] * canary
            session.cluster.stable.ended = [session.time.now()] * stable
        return good(weight, seconds)

    session.script = script
    if not held:
        assert session.run(weights=(25, 100)).outcome == "promoted"
        return
    with pytest.raises(Held, match="started again in 1 of 2 pods of the canary, and in 0 of 4 of stable, since stage"):
        session.conductor(hold_seconds=0.0).run(session.planning(weights=(25, 100)), CANARY)
    assert session.cluster.weight == 25
    session.time.sleep(60)
    ended = session.conductor().wish("step")
    assert ended is not None
    assert ended.outcome == "promoted"


def test_what_ended_before_the_stage_is_not_held_against_the_canary() -> None:
    session = Session()
    session.cluster.canary.ended = [session.time.now()]
    assert session.run().outcome == "promoted"


def test_who_may_not_list_pods_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()

    def refuse(kind: str, labels: dict[str, str]) -> tuple[dict[str, Any], ...]:
        raise ClusterUnavailable(f"{kind} {labels} is forbidden")

    monkeypatch.setattr(session.cluster, "select", refuse)
    assert session.run().outcome == "promoted"


def test_counting_begins_once_the_gateway_has_accepted_a_weight() -> None:
    """Requests until then went as they did before, and would look like a split that does not hold."""
    session = Session()
    session.cluster.gateway_seconds = 90.0
    began: list[float] = []

    def script(weight: int, seconds: float) -> str:
        began.append(session.time.monotonic() - seconds - session.cluster.routed_at)
        return good(weight, seconds)

    session.script = script
    assert session.run().outcome == "promoted"
    assert min(began) >= 90


def test_a_weight_that_no_gateway_accepts_is_taken_back() -> None:
    session = Session()
    session.cluster.gateway_seconds = 1e9
    record = session.run(step_seconds=600.0)
    assert record.outcome == "rolled back"
    assert re.fullmatch(r"no Gateway has accepted the weight of stage `weight 5` after 60\d s", record.reason)
    assert session.cluster.present() == VALUES


def test_a_canary_keeps_its_pods_until_the_gateway_has_accepted_weight_0() -> None:
    session = Session()
    session.script = bad_at(5)
    session.cluster.gateway_seconds = 90.0
    upgrade, removed = session.cluster.upgrade, [0.0]

    def upgraded(changes: Values, *, insist: bool = False) -> None:
        if at(changes, "canary.mode") == "none":
            removed.append(session.time.monotonic() - session.cluster.routed_at)
        upgrade(changes, insist=insist)

    session.cluster.upgrade = upgraded  # type: ignore[method-assign]
    assert session.run().outcome == "rolled back"
    assert removed[-1] >= 90
