from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plimsoll.judge.checks import value
from plimsoll.judge.judgement import judge
from plimsoll.judge.rules import Rules

from benchmarks.canary_simulation import CONSTANT, RAMP, Canary, Scenario, intervals_of, look, simulate
from benchmarks.canary_statistics import SAME, first, looks, roll_out

RULES = Rules()
SHORT = ((0.05, 8), (0.25, 8))


@pytest.mark.parametrize("case", SAME, ids=[name for name, _ in SAME])
def test_a_canary_like_stable_is_hardly_ever_rolled_back_or_held(case: tuple[str, dict[str, object]]) -> None:
    name, options = case
    scenario = replace(Scenario(name, 20), **options)  # type: ignore[arg-type]
    (found,) = looks(scenario, 60, RULES)
    assert first(found.worse, 0.05).rate <= 0.05 + 0.05
    assert first(found.split, 0.001).rate <= 0.02
    assert first(found.classes, 0.05).rate <= 0.05 + 0.05


@pytest.mark.parametrize(
    ("canary", "minutes"),
    [(Canary(speed=1.5), 4), (Canary(speed=1.3), 12), (Canary(tail=0.03), 8), (Canary(failed=0.03), 8)],
)
def test_a_worse_canary_is_found_in_minutes(canary: Canary, minutes: float) -> None:
    (found,) = looks(Scenario("", 20, ((0.1, 60),), canary), 30, RULES)
    assert first(found.worse, 0.05).quantile(0.5) <= minutes


@pytest.mark.parametrize("weight", [0.05, 0.25, 0.5])
def test_a_pod_that_fails_for_a_second_once_an_hour_is_not_rolled_back(weight: float) -> None:
    scenario = Scenario("", 100, ((weight, 160),), Canary(failed=0.0), stable_failed=0.0, incidents=True)
    (found,) = looks(scenario, 60, RULES)
    assert first(found.worse, 0.05).rate <= 0.02


def test_a_canary_that_always_fails_is_found_in_a_minute() -> None:
    (found,) = looks(Scenario("", 20, CONSTANT, Canary(failed=1.0), stable_failed=0.0), 30, RULES)
    assert first(found.worse, 0.05).quantile(0.9) <= 1


def test_a_canary_slower_by_the_margin_is_not_rolled_back() -> None:
    (found,) = looks(Scenario("", 20, CONSTANT, Canary(speed=1.1)), 60, RULES)
    assert first(found.worse, 0.05).rate <= 0.05


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("", 20, SHORT, Canary(speed=1.4, failed=0.02), losses=True),
        Scenario("", 20, SHORT, Canary(one_class=True, share=2.0)),
        Scenario("", 20, ((0.25, 16),), Canary(speed=1.3), connections=30),
    ],
)
def test_the_judge_says_of_each_rollout_what_the_simulation_says_of_all(scenario: Scenario) -> None:
    counted = simulate(scenario, 3, np.random.default_rng(3))
    found = look(scenario, counted, RULES)
    start = 0.0 if scenario.connections else 8 * 15.0
    for rollout in range(3):
        intervals = intervals_of(scenario, counted, rollout)
        for number in (9, 16):
            verdict = judge(intervals[:number], start, RULES)
            checks = {check.name: check.evidence for check in verdict.checks}
            assert verdict.evidence == pytest.approx(value(found.worse[rollout, number - 1]))
            assert checks["classes"] == pytest.approx(value(found.classes[rollout, number - 1]))
            if not scenario.connections:
                assert checks["split"] == pytest.approx(value(found.split[rollout, number - 1]))


def test_a_rollout_ends_as_it_should() -> None:
    assert [roll_out(canary, 1)[0] for canary in (Canary(speed=1.6), Canary(one_class=True))] == ["fail", "hold"]


def test_the_weights_of_a_scenario_have_their_starts() -> None:
    assert Scenario("", 2, RAMP).starts == (0, 40, 80)
    assert Scenario("", 2, RAMP).weight.tolist() == [0.05] * 40 + [0.25] * 40 + [0.5] * 40
