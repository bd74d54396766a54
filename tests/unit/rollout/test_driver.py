"""The heart: a driver that ends at any moment and is started again gets to the same end."""

from __future__ import annotations

import pytest
from plimsoll.rollout.release_values import at

from tests.doubles.rollout_cluster import VALUES, Faults, Killed
from tests.doubles.rollout_session import Session, bad_at


def weights(session: Session) -> list[int]:
    """The weights that were ever in force, each once where several revisions had it."""
    found = [weight for weight, _ in session.cluster.log]
    return [weight for place, weight in enumerate(found) if place == 0 or weight != found[place - 1]]


def test_a_good_canary_is_promoted() -> None:
    session = Session()
    record = session.run()
    assert record.outcome == "promoted"
    assert weights(session) == [0, 5, 25, 50, 100, 0]
    assert session.cluster.present() == VALUES | {"model": VALUES["model"] | {"version": "2"}}


def test_a_bad_canary_is_rolled_back() -> None:
    session = Session()
    session.script = bad_at(25)
    record = session.run()
    assert (record.outcome, record.reason) == ("rolled back", "the reason")
    assert weights(session) == [0, 5, 25, 0]
    assert session.cluster.present() == VALUES


@pytest.mark.parametrize("helm_dies", [False, True])
@pytest.mark.parametrize(("worse", "end", "version"), [(101, "promoted", "2"), (25, "rolled back", "1")])
def test_a_driver_killed_at_any_call_and_started_again_ends_the_same(
    worse: int, end: str, version: str, *, helm_dies: bool
) -> None:
    whole = Session()
    whole.script = bad_at(worse)
    whole.run()
    points = whole.cluster.faults.points
    assert points > 200
    for kill_at in range(1, points + 1):
        session = Session()
        session.script = bad_at(worse)
        session.cluster.helm_dies = helm_dies
        session.cluster.faults = Faults(kill_at)
        try:
            session.run()
        except Killed:
            pass
        last = session.record() if session.cluster.stored.get(("configmap", "plimsoll-rollout")) else None
        if last is None or not last.ended:
            session.run()
        assert session.record().outcome == end, kill_at
        assert at(session.cluster.present(), "model.version") == version, kill_at
        assert session.cluster.present()["canary"] == VALUES["canary"], kill_at
        assert weights(session) == weights(whole), kill_at
        assert all(ready >= 1 for weight, ready in session.cluster.log if weight), kill_at
