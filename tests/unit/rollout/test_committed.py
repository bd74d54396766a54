from __future__ import annotations

from typing import Any

import pytest
from plimsoll.rollout.committed import CommittedRelease
from plimsoll.rollout.conduct import Conductor
from plimsoll.rollout.driver import Held, Patience, Ports
from plimsoll.rollout.lease import DriverLease
from plimsoll.rollout.release_values import Values
from plimsoll.rollout.state import ChangedByOthers, RecordStore

from tests.doubles.rollout_cluster import VALUES
from tests.doubles.rollout_session import CANARY, RECORD, Session, verdict


def committing(session: Session, commit: Any) -> Conductor:
    """A driver whose changes `commit` is asked for."""
    release = CommittedRelease(session.cluster, commit)
    ports = Ports(
        release=release,
        objects=session.cluster,
        store=RecordStore(session.cluster, RECORD),
        lease=DriverLease(session.cluster, RECORD, "x", session.time),
        history=session.history,
        time=session.time,
        judge=lambda _intervals, start, _rules: verdict("pass" if session.time.now() > start + 30 else "continue"),
        refusal=lambda _record, _stage: "",
    )
    return Conductor(ports, session.shown, Patience())


def test_a_rollout_goes_on_as_its_values_are_committed() -> None:
    session = Session()
    asked: list[Values] = []

    def commit(changes: Values) -> None:
        asked.append(changes)
        session.cluster.by_hand(changes)
        session.cluster.by_hand({"unrelated": len(asked)})

    record = committing(session, commit).run(session.planning(committed=True), CANARY)
    assert record.outcome == "promoted"
    weights = [each["canary"]["weight"] for each in asked if "weight" in each.get("canary", {})]
    assert weights == [5, 25, 50, 100, 0]
    assert session.cluster.present()["model"]["version"] == "2"


def test_values_that_never_arrive_are_asked_for_once_and_end_the_wait() -> None:
    session = Session()
    asked: list[Values] = []
    with pytest.raises(Held, match="stage `add the canary` have not arrived after 10 minutes"):
        committing(session, asked.append).run(session.planning(committed=True, step_seconds=600.0), CANARY)
    assert len(asked) == 1
    assert session.cluster.present() == VALUES


def test_a_weight_that_somebody_else_commits_stops_the_driver() -> None:
    session = Session()

    driver = committing(session, session.cluster.by_hand)
    sleep = session.time.sleep

    def meddle(seconds: float) -> None:
        sleep(seconds)
        if session.cluster.weight == 25 and session.record().progress == "watching":
            session.cluster.by_hand({"canary": {"weight": 90}})

    session.time.sleep = meddle  # type: ignore[method-assign]
    with pytest.raises(ChangedByOthers, match=r"canary\.weight of release plimsoll is 90"):
        driver.run(session.planning(committed=True), CANARY)
