from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from plimsoll.rollout.plan import Pods, Stage, change_of, pod_steps, promotion_begins, stages

from tests.doubles.rollout_cluster import VALUES
from tests.doubles.rollout_session import Session


def test_the_stages_by_weight_are_those_of_the_documentation() -> None:
    plan, _ = Session().planning()()
    assert [(stage.kind, stage.weight) for stage in stages(plan, "forward")] == [
        ("add", 0), ("pods", 0), ("weight", 5), ("pods", 5), ("weight", 25), ("pods", 25), ("weight", 50),
        ("pods", 50), ("weight", 100), ("stable", 100), ("weight", 0), ("end", 0),
    ]  # fmt: skip
    assert promotion_begins(plan) == 7
    assert [stage.kind for stage in stages(replace(plan, autoscaled=True), "forward")][-3:] == [
        "floor",
        "weight",
        "end",
    ]


def test_a_rollback_takes_the_requests_away_before_the_canary() -> None:
    plan, _ = Session().planning()()
    assert [stage.kind for stage in stages(plan, "back")] == ["restore", "weight", "end"]


@given(st.integers(1, 40), st.lists(st.integers(1, 99), min_size=1, max_size=5, unique=True).map(sorted))
def test_pods_come_nearest_to_each_weight_and_rise(stable: int, weights: list[int]) -> None:
    steps = pod_steps(tuple(weights), stable)
    assert list(steps) == sorted(set(steps))
    for weight in weights:
        nearest = min(steps, key=lambda pods: abs(stable * weight / (100 - weight) - pods))
        assert abs(stable * weight / (100 - weight) - nearest) <= 0.5 or nearest == 1


def test_with_three_pods_of_stable_the_steps_are_one_of_four_and_one_of_two() -> None:
    assert pod_steps((5, 25, 50), 3) == (1, 3)


@given(st.integers(1, 60), st.integers(1, 99))
def test_a_pod_of_the_canary_gets_no_more_requests_than_one_of_stable(stable: int, weight: int) -> None:
    plan = replace(Session().planning()()[0], weights=(weight,))
    changed = change_of(plan, Stage("pods", "pods"), VALUES, Pods(stable=stable, canary=1)).values
    pods = changed["canary"]["replicas"]
    assert 1 <= pods <= stable
    assert weight * stable <= (100 - weight) * pods or pods == stable
    assert pods == 1 or weight * stable > (100 - weight) * (pods - 1)


def test_a_canary_of_all_requests_has_as_many_pods_as_stable() -> None:
    plan, _ = Session().planning()()
    stage = Stage("pods for all requests", "pods", weight=50)
    assert change_of(plan, stage, VALUES, Pods(stable=5, canary=3)).values == {"canary": {"replicas": 5}}


def test_a_canary_has_no_more_pods_than_its_autoscaler_allows() -> None:
    plan, _ = Session().planning()()
    scaled, stage = replace(plan, autoscaled=True), Stage("pods for weight 50", "pods", weight=25)
    assert change_of(scaled, stage, VALUES, Pods(stable=20, canary=1)).values == {"canary": {"replicas": 5}}
