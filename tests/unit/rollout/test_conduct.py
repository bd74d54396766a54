from __future__ import annotations

from itertools import pairwise

import pytest
from plimsoll.errors import OperatorError
from plimsoll.rollout.driver import Held
from plimsoll.rollout.helm import UpgradeFailed
from plimsoll.rollout.kubernetes import Object
from plimsoll.rollout.lease import DriverLease, LeaseHeld, LeaseLost
from plimsoll.rollout.release_values import Values, at
from plimsoll.rollout.state import ChangedByOthers, RecordStore, Wish

from tests.doubles.rollout_cluster import VALUES, Faults, Killed
from tests.doubles.rollout_session import CANARY, RECORD, Session, bad_at, good


def test_step_by_step_a_person_promotes_a_canary() -> None:
    session = Session()
    session.conductor(one_step=True).start(session.planning())
    reached = [session.cluster.weight]
    for _ in range(2):
        session.conductor(one_step=True).wish("step")
        reached.append(session.cluster.weight)
    assert reached == [5, 25, 50]
    ended = session.conductor(one_step=True).wish("step")
    assert ended is not None
    assert ended.outcome == "promoted"


def test_a_person_promotes_before_the_judge_does() -> None:
    session = Session()
    session.conductor(one_step=True).start(session.planning())
    ended = session.conductor().wish("promote")
    assert ended is not None
    assert ended.outcome == "promoted"
    assert [weight for weight, _ in session.cluster.log if weight not in (0, 5, 100)] == []


def test_a_step_that_was_asked_for_before_a_stage_leaves_that_stage_to_the_judge() -> None:
    """The person saw weight 5; the driver was on its way to 25 already."""
    session = Session()
    looks: list[int] = []
    upgrade = session.cluster.upgrade

    def script(weight: int, seconds: float) -> str:
        looks.append(weight)
        return good(weight, seconds)

    def upgraded(changes: Values, *, insist: bool = False) -> None:
        if at(changes, "canary.weight") == 25:
            RecordStore(session.cluster, RECORD).leave_wish("step")
        upgrade(changes, insist=insist)

    session.script, session.cluster.upgrade = script, upgraded  # type: ignore[method-assign]
    assert session.run().outcome == "promoted"
    assert looks.count(25) == looks.count(50)
    assert any("`step` was asked for before stage" in note for note in session.shown.notes)


@pytest.mark.parametrize("wish", ["step", "promote"])
def test_what_an_earlier_driver_was_asked_for_is_not_done_by_the_next_run(wish: Wish) -> None:
    session = Session()
    session.conductor(one_step=True).start(session.planning())
    RecordStore(session.cluster, RECORD).leave_wish(wish)
    session.script = bad_at(5)
    assert session.run().outcome == "rolled back"
    assert any(f"was asked for `{wish}` and did not do it" in note for note in session.shown.notes)


@pytest.mark.parametrize("ended", ["promoted", "rolled back"])
def test_an_abort_that_is_overtaken_by_the_end_says_so(ended: str) -> None:
    session = Session()
    session.conductor(one_step=True).start(session.planning())
    aborting, driving = session.conductor(), session.conductor()
    session.script = good if ended == "promoted" else bad_at(5)
    get, begun = session.cluster.get, [False]

    def meanwhile(kind: str, name: str) -> Object | None:
        if kind == "lease" and not begun[0]:
            begun[0] = True
            stored = session.cluster.stored["configmap", RECORD]["data"]
            del stored["wish"]  # the driver had looked for a wish just before
            driving.run(session.planning(), CANARY)
        return get(kind, name)

    session.cluster.get = meanwhile  # type: ignore[method-assign]
    if ended == "promoted":
        with pytest.raises(OperatorError, match=r"was promoted before .* could be aborted; `helm rollback`"):
            aborting.wish("abort")
        return
    aborting.wish("abort")
    assert session.shown.events[-1] == ("ended", "rolled back, by another driver")


def test_a_wish_for_a_driver_that_lives_is_left_to_it() -> None:
    session = Session()
    session.conductor(one_step=True).start(session.planning())
    other = DriverLease(session.cluster, RECORD, "other", session.time)
    other.acquire(pytest.fail)
    sleep = session.time.sleep

    def beat(seconds: float) -> None:
        sleep(seconds)
        other.renew()

    session.time.sleep = beat  # type: ignore[method-assign]
    assert session.conductor().wish("abort") is None
    assert session.cluster.weight == 5
    with pytest.raises(LeaseHeld):
        session.run()
    session.time.sleep = sleep  # type: ignore[method-assign]
    other.release()
    assert session.run().reason == "a person has asked for it"


def test_a_held_rollout_waits_for_a_person_and_still_fails() -> None:
    session = Session()
    session.script = _held_at_25
    with pytest.raises(Held, match="waits for a person at stage `weight 25`: the reason"):
        session.conductor(hold_seconds=0.0).run(session.planning(), CANARY)
    assert (session.cluster.weight, session.record().held) == (25, True)
    session.script = bad_at(25)
    assert session.run().outcome == "rolled back"


def test_a_stage_that_was_held_without_a_decision_goes_on_once_it_passes() -> None:
    """As after an outage of Prometheus over night, or once the traffic comes back."""
    session = Session()
    session.script = lambda weight, seconds: "pass" if weight != 25 or seconds > 2000 else "continue"
    record = session.conductor().run(session.planning(step_seconds=600.0), CANARY)
    assert record.outcome == "promoted"
    assert next(sentence for kind, sentence in session.shown.events if kind == "held").startswith("held: no decision")
    assert session.shown.events[-1] == ("ended", "promoted")


def test_a_hold_of_the_judge_does_not_end_by_itself_even_after_one_without_a_decision() -> None:
    session = Session()
    results = {25: [(2000.0, "continue"), (3000.0, "hold"), (1e9, "pass")]}

    def script(weight: int, seconds: float) -> str:
        return next(result for until, result in results.get(weight, [(1e9, "pass")]) if seconds < until)

    session.script = script
    with pytest.raises(Held, match="waits for a person at stage `weight 25`: the reason"):
        session.conductor(hold_seconds=5000.0).run(session.planning(step_seconds=600.0), CANARY)


def test_a_driver_that_leaves_a_canary_with_requests_says_that_nothing_watches_it() -> None:
    session = Session()
    session.conductor(one_step=True).start(session.planning())
    assert session.shown.notes[-1].endswith("until a driver runs again; it keeps 5 % of the requests")
    session.script = _held_at_25
    with pytest.raises(Held, match=r"the reason\. Nothing watches the canary .*; it keeps 25 % of the requests"):
        session.conductor(hold_seconds=0.0).run(session.planning(), CANARY)
    session.cluster.by_hand({"unrelated": 1})
    with pytest.raises(ChangedByOthers, match=r"Nothing watches the canary .* it keeps 25 %"):
        session.run()


def test_without_requests_for_the_canary_or_with_another_driver_nothing_is_said_of_that() -> None:
    session = Session()
    session.cluster.refusing = 9
    with pytest.raises(UpgradeFailed, match=r"^the API server refuses$"):
        session.run()
    session.cluster.refusing = 0
    session.script = lambda _weight, _seconds: _taken_over(session)
    with pytest.raises(LeaseLost, match=r"the split stays as it is$"):
        session.run()


def _taken_over(session: Session) -> str:
    lease = session.cluster.stored["lease", RECORD]
    session.cluster.replace({**lease, "spec": {"holderIdentity": "another"}})
    return "pass"


def _held_at_25(weight: int, seconds: float) -> str:
    return "hold" if weight == 25 and seconds > 30 else "pass" if seconds > 60 else "continue"


def test_a_second_rollout_is_refused_while_one_is_under_way() -> None:
    session = Session()
    session.conductor(one_step=True).start(session.planning())
    with pytest.raises(OperatorError, match="already under way, at stage `weight 5`"):
        session.conductor().start(session.planning())
    with pytest.raises(OperatorError, match="a rollout of another canary"):
        session.conductor().run(session.planning(), {"model": {"version": "3"}})
    assert session.conductor().run(session.planning(), {}).outcome == "promoted"


def test_a_step_that_cannot_decide_is_refused_before_anything_changes() -> None:
    session = Session()
    session.refused = "step `weight 5` cannot decide"
    with pytest.raises(OperatorError, match="cannot decide"):
        session.run()
    assert len(session.cluster.revisions) == 1
    assert ("configmap", RECORD) not in session.cluster.stored


def test_a_later_step_that_cannot_decide_is_held() -> None:
    session = Session()
    session.conductor(one_step=True).start(session.planning())
    session.refused = "step `weight 25` cannot decide"
    with pytest.raises(Held, match="`weight 25` cannot decide"):
        session.conductor(hold_seconds=0.0).run(session.planning(), CANARY)
    assert session.cluster.weight == 5


def test_the_same_command_after_a_promotion_changes_nothing() -> None:
    session = Session()
    session.run()
    revisions = len(session.cluster.revisions)
    assert session.run().outcome == "promoted"
    assert len(session.cluster.revisions) == revisions


def test_a_version_that_was_promoted_and_does_not_run_now_is_rolled_out_again() -> None:
    session = Session()
    session.run()
    session.cluster.by_hand(VALUES, "Rollback to 1")
    session.time.sleep(60)
    before = session.cluster.revisions[-1].number
    assert session.run().outcome == "promoted"
    assert session.cluster.revisions[-1].number > before
    assert session.cluster.present()["model"]["version"] == "2"


def test_a_tag_that_was_promoted_and_may_have_moved_is_pointed_out() -> None:
    session = Session()
    canary = {"image": {"tag": "latest"}}
    for _ in range(2):
        session.conductor().run(session.planning(canary=canary), canary)
    kind, sentence = session.shown.events[-1]
    assert (kind, "if tag latest means another image by now, give that one by its --image-digest" in sentence) == (
        "ended",
        True,
    )


def test_a_clock_that_is_far_behind_stops_the_command() -> None:
    session = Session()
    session.conductor(one_step=True).start(session.planning())
    session.time.shift = -3600.0
    with pytest.raises(OperatorError, match=r"the clock is 3\d\d\d s behind .* correct the clock"):
        session.run()
    assert session.cluster.weight == 5


def test_a_clock_that_is_a_little_behind_damages_no_period() -> None:
    session = Session()
    session.cluster.faults = Faults(150)
    with pytest.raises(Killed):
        session.run()
    session.time.shift = -30.0
    assert session.run().outcome == "promoted"
    periods = session.record().periods
    assert all(period.start_seconds < period.end_seconds for period in periods)
    assert all(one.end_seconds <= two.start_seconds for one, two in pairwise(periods))
