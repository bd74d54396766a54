from __future__ import annotations

from dataclasses import replace

import pytest
from plimsoll.judge.counts import Interval, Trials
from plimsoll.judge.coverage import answered_together, gap
from plimsoll.judge.judgement import judge
from plimsoll.judge.rules import Rules

from tests.unit.judge.rollouts import counts, rollout

SALES = Rules(guards=("sales",))
RULES = Rules()
DIGITS = {str(digit): 0.1 for digit in range(10)}
CLASSES = {"cat": 0.3, "dog": 0.7}


def unread(interval: Interval, track: str) -> Interval:
    return replace(interval, canary=()) if track == "canary" else replace(interval, stable=())


def test_a_step_with_all_that_applies_has_no_gap() -> None:
    assert gap(rollout(counts(30), counts(270), 3), Rules()) is None
    guards = {"sales": Trials(9, 1)}
    whole = rollout(counts(30, classes=CLASSES, guards=guards), counts(270, classes=CLASSES, guards=guards), 3)
    assert gap(whole, SALES) is None


def test_one_interval_with_both_is_enough_and_two_with_one_each_are_not() -> None:
    with_guard, without = (counts(30, guards=guards) for guards in ({"sales": Trials(9, 1)}, {}))
    stable, stable_without = (replace(each, requests=270.0) for each in (with_guard, without))
    once = rollout(with_guard, stable, 1)
    apart = [*rollout(with_guard, stable_without, 1), *rollout(without, stable, 1)]
    assert gap(once, SALES) is None
    found = gap(apart, SALES)
    assert found is not None
    assert "no trials of both tracks in one interval" in found


def test_predictions_without_a_class_ask_for_nothing() -> None:
    none = dict.fromkeys(CLASSES, 0.0)
    assert gap(rollout(counts(30), counts(270, classes=none), 3), Rules()) is None


@pytest.mark.parametrize("track", ["canary", "stable"])
def test_answers_count_only_where_both_tracks_answered(track: str) -> None:
    whole = rollout(counts(30), counts(270), 4)
    assert answered_together(whole) == 120
    assert answered_together([unread(whole[0], track), *whole[1:]]) == 90


LABELS = {f"label {number}": 0.02 for number in range(50)}
MANY = {f"label {number}": 0.01 for number in range(100)}
WITHOUT_COMPARISON = {
    "guard": (counts(30), counts(270), "The guard sales has no trials of both tracks in one interval"),
    "guard of the canary": (
        counts(30),
        counts(270, guards={"sales": Trials(9, 1)}),
        "The guard sales has no trials of the canary",
    ),
    "classes of the canary": (
        counts(30, guards={"sales": Trials(9, 1)}),
        counts(270, classes=DIGITS, guards={"sales": Trials(81, 9)}),
        "Predictions by class are counted, but not of the canary",
    ),
    "classes of stable": (
        counts(30, classes={"0": 1.0}, guards={"sales": Trials(9, 1)}),
        counts(270, guards={"sales": Trials(81, 9)}),
        "Predictions by class are counted, but not of stable",
    ),
}


@pytest.mark.parametrize("case", WITHOUT_COMPARISON)
def test_a_step_does_not_pass_without_the_data_of_a_comparison_that_applies(case: str) -> None:
    canary, stable, reason = WITHOUT_COMPARISON[case]
    verdict = judge(rollout(canary, stable, 60), 1000, replace(RULES, guards=("sales",)))
    assert verdict.result == "continue"
    assert verdict.reason.startswith(reason)
    assert "the step cannot pass" in verdict.reason


@pytest.mark.parametrize("edges", [{0.2: 29.0, 2.0: 25.0}, {}])
def test_a_step_does_not_pass_without_an_edge_of_both_tracks(edges: dict[float, float]) -> None:
    verdict = judge(rollout(replace(counts(30), slower=edges), counts(270), 60), 1000, RULES)
    assert verdict.result == "continue"
    assert verdict.reason.startswith("Canary and stable have counted no answers at an edge")


def test_tracks_that_were_never_read_at_once_do_not_pass() -> None:
    whole = rollout(counts(30), counts(270), 120)
    turns = [unread(each, "canary" if at % 2 else "stable") for at, each in enumerate(whole)]
    assert judge(turns, 1000, RULES).result == "continue"


@pytest.mark.parametrize(("lost", "result"), [(8, "pass"), (9, "continue")])
@pytest.mark.parametrize("track", ["canary", "stable"])
def test_a_step_does_not_pass_while_a_track_has_not_been_read_for_two_minutes(
    track: str, lost: int, result: str
) -> None:
    whole = rollout(counts(300), counts(2700), 40)
    cut = [unread(each, track) if at >= 40 - lost else each for at, each in enumerate(whole)]
    verdict = judge(cut, 1000, RULES)
    assert verdict.result == result
    assert ("has not been read for 135 s" in verdict.reason) == (result == "continue")


def test_a_read_canary_without_requests_in_the_last_minutes_passes() -> None:
    quiet = rollout(counts(0), counts(0), 20)
    later = [
        replace(each, start_seconds=each.start_seconds + 600, end_seconds=each.end_seconds + 600) for each in quiet
    ]
    assert judge([*rollout(counts(30), counts(270), 40), *later], 1000, RULES).result == "pass"


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_requests_that_name_a_track_do_not_make_a_step_pass(weight: float) -> None:
    verdict = judge(rollout(counts(300), counts(270), 40, weight), 1000, RULES)
    assert verdict.result == "continue"
    assert f"The weight of the canary is {100 * weight:g} %" in verdict.reason


@pytest.mark.parametrize("labels", [LABELS, MANY])
def test_a_canary_that_always_answers_a_new_label_holds_however_many_labels_there_are(labels: dict[str, float]) -> None:
    verdict = judge(rollout(counts(30, classes={"new": 1.0}), counts(270, classes=labels), 20), 1000, RULES)
    assert verdict.result == "hold"


def test_many_equal_labels_do_not_hold_though_the_canary_has_counted_few_of_them() -> None:
    few = dict.fromkeys(list(MANY)[:30], 0.01) | dict.fromkeys(list(MANY)[30:], 0.0)
    begun = rollout(counts(3, classes=few), counts(270, classes=MANY), 1)
    verdict = judge([*begun, *rollout(counts(30, classes=MANY), counts(270, classes=MANY), 40)], 1000, RULES)
    assert verdict.result == "pass"
