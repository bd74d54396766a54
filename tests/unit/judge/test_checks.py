from __future__ import annotations

from dataclasses import replace

import pytest
from plimsoll.judge.checks import answers, classes, split, starts, that_can_fail, value
from plimsoll.judge.counts import Trials
from plimsoll.judge.rules import Rules

from tests.unit.judge.rollouts import EDGES, SLOW, counts, rollout

RULES = Rules(guards=("orders", "money"))


def test_latency_errors_and_each_guard_can_fail_and_share_alpha() -> None:
    guards = {"orders": Trials(30, 3)}
    intervals = rollout(counts(30, SLOW, guards=guards), counts(270, guards=guards), 9)
    found = that_can_fail(intervals, answers(intervals), RULES)
    assert [each.name for each in found] == ["latency", "errors", "guard:orders", "guard:money"]
    assert {each.threshold for each in found} == {80}
    assert found[0].worst == "0.1"
    assert [found[0].canary, found[0].stable] == pytest.approx([0.45, 0.2])


def test_edges_are_those_of_any_pod_that_are_times() -> None:
    odd = replace(counts(9), slower={0.3: 1.0, float("inf"): 0.0, 0.0: 9.0})
    assert answers(rollout(odd, counts(270), 1)).edges == sorted({*EDGES, 0.3})


def test_an_edge_that_one_track_does_not_have_says_nothing() -> None:
    other = replace(counts(30), slower={0.3: 30.0})
    intervals = rollout(other, counts(270), 9)
    assert that_can_fail(intervals, answers(intervals), RULES)[0].evidence == pytest.approx(1)


def test_the_split_is_that_of_the_last_weight() -> None:
    before, after = rollout(counts(150), counts(150), 20, weight=0.5), rollout(counts(30), counts(270), 20)
    found = split([*before, *after])
    assert found is not None
    assert [found.canary, found.stable] == pytest.approx([0.1, 0.1])
    assert found.evidence < 1


@pytest.mark.parametrize("weight", [None, 0.0, 1.0])
def test_without_a_weight_between_0_and_1_there_is_no_split(weight: float | None) -> None:
    assert split(rollout(counts(30), counts(270), 9, weight)) is None


def test_an_interval_without_a_track_does_not_count_for_the_split() -> None:
    lost = [replace(each, canary=()) for each in rollout(counts(30), counts(270), 30)]
    assert split(lost) is None
    found = split([*rollout(counts(30), counts(270), 9), *lost])
    assert found is not None
    assert found.canary == pytest.approx(0.1)


def test_classes_are_compared_if_they_are_counted() -> None:
    assert classes(rollout(counts(30), counts(270), 9), RULES) is None
    same = {"cat": 0.3, "dog": 0.7}
    found = classes(rollout(counts(30, classes={"cat": 0.9, "dog": 0.1}), counts(270, classes=same), 9), RULES)
    assert found is not None
    assert found.evidence > found.threshold == 20
    assert found.worst in same


def test_evidence_begins_again_at_each_weight_but_the_first_that_sends_nothing() -> None:
    weights = (0.0, 0.0, 0.05, 0.05, 0.25, 0.5, 0.5)
    intervals = [replace(rollout(counts(1), counts(9), 1)[0], weight=weight) for weight in weights]
    assert starts(intervals) == (0, 4, 5)
    assert starts([replace(each, weight=None) for each in intervals]) == (0,)
    assert len(starts([replace(each, weight=number % 2 / 10 + 0.1) for number, each in enumerate(intervals * 9)])) == 10


def test_evidence_is_a_finite_number() -> None:
    assert value(1e6) == 1e12
    assert value(0.0) == 1
    assert value(-1e6) == 0
