from __future__ import annotations

from dataclasses import replace

import pytest
from plimsoll.judge.counts import Trials
from plimsoll.judge.coverage import answered_together, gap
from plimsoll.judge.rules import Rules

from tests.unit.judge.rollouts import counts, rollout

SALES = Rules(guards=("sales",))
CLASSES = {"cat": 0.3, "dog": 0.7}


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
    assert answered_together([replace(whole[0], **{track: ()}), *whole[1:]]) == 90
