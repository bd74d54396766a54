from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.control.split import choose, point_of

KEYS = [f"user-{number}" for number in range(3000)]
SIGMAS = 6
"""So far from the mean lies one draw in half a billion."""

models = st.sampled_from(["digits", "words", "a", "sentiment-de"])
points = st.floats(0, 1, exclude_max=True)
percents = st.integers(1, 99)
weight_lists = st.lists(st.integers(0, 100), min_size=1, max_size=6).filter(any)
odd_weight_lists = st.lists(st.floats(0, 1e6), min_size=1, max_size=6).filter(any)


def chosen(model: str, key: str | None, weights: list[float]) -> int:
    """The position of the version that a key sees."""
    return choose(range(len(weights)), weights, point_of(model, key))


def assert_near(count: int, share: float, among: int) -> None:
    """The count is what so many independent draws of that share give."""
    assert abs(count - among * share) <= SIGMAS * math.sqrt(among * share * (1 - share)) + 1


@given(model=models, key=st.text(max_size=50), weights=weight_lists)
def test_the_same_key_sees_the_same_version_always(model: str, key: str, weights: list[float]) -> None:
    assert len({chosen(model, key, weights) for _ in range(3)}) == 1


@given(model=st.text(max_size=20), key=st.none() | st.text(max_size=50))
def test_a_point_lies_between_nought_and_one(model: str, key: str | None) -> None:
    assert 0 <= point_of(model, key) <= 1


def test_the_point_of_a_key_is_the_same_in_every_process_and_release() -> None:
    assert point_of("digits", "ada") == int("3e9a3122f296d7ab", 16) / 2**64


def test_without_a_key_every_request_draws_anew() -> None:
    assert len({point_of("digits", None) for _ in range(20)}) == 20


@given(model=models, weights=weight_lists)
def test_many_keys_are_split_as_the_weights_say(model: str, weights: list[float]) -> None:
    seen = [chosen(model, key, weights) for key in KEYS]
    for version, weight in enumerate(weights):
        assert_near(seen.count(version), weight / sum(weights), len(KEYS))


@given(model=models, weights=weight_lists, more=st.integers(0, 100))
def test_raising_the_last_weight_takes_no_key_away_from_the_last_version(
    model: str, weights: list[float], more: int
) -> None:
    last = len(weights) - 1
    raised = [*weights[:last], weights[last] + more]
    had = [key for key in KEYS[:300] if chosen(model, key, weights) == last]
    assert all(chosen(model, key, raised) == last for key in had)


@given(model=models, canary=percents, more=percents)
def test_between_two_versions_a_rollout_moves_keys_only_towards_the_new_one(model: str, canary: int, more: int) -> None:
    later = min(100, canary + more)
    for key in KEYS[:300]:
        before, after = chosen(model, key, [100 - canary, canary]), chosen(model, key, [100 - later, later])
        assert after >= before


@given(weights=weight_lists | odd_weight_lists, point=points)
def test_a_version_of_weight_nought_is_never_chosen(weights: list[float], point: float) -> None:
    assert weights[choose(range(len(weights)), weights, point)] > 0


@given(weights=weight_lists)
def test_a_point_just_under_one_falls_to_the_last_version_that_has_a_weight(weights: list[float]) -> None:
    last = max(version for version, weight in enumerate(weights) if weight > 0)
    assert choose(range(len(weights)), weights, math.nextafter(1, 0)) == last


def test_a_point_that_rounding_puts_beyond_the_last_part_still_has_a_version() -> None:
    weights = [0.1] * 10
    assert choose("abcdefghij", weights, math.nextafter(1, 0)) == "j"
    assert choose("ab", [1.0, 0.0], 1.0) == "a"


def test_the_first_part_begins_at_nought_and_ends_before_the_next() -> None:
    assert choose("ab", [25, 75], 0.0) == "a"
    assert choose("ab", [25, 75], math.nextafter(0.25, 0)) == "a"
    assert choose("ab", [25, 75], 0.25) == "b"
    assert choose("ab", [0, 100], 0.0) == "b"


def test_who_sees_the_new_version_of_one_model_says_nothing_of_another() -> None:
    even = [50.0, 50.0]
    seen = [(chosen("digits", key, even), chosen("words", key, even)) for key in KEYS]
    for pair in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert_near(seen.count(pair), 0.25, len(KEYS))


@pytest.mark.parametrize("weights", [[], [0], [0, 0.0]])
def test_without_any_weight_there_is_nothing_to_choose(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="no version has a weight above 0"):
        choose(range(len(weights)), weights, 0.5)
