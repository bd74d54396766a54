from __future__ import annotations

import types
from collections.abc import Callable
from itertools import product
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.judge import evidence
from plimsoll.judge.evidence import HIGHER, LOWER, Counts, log_evidence, log_evidence_of_several_moments, log_mean_exp

Formula = Callable[..., Counts]
NO_START = np.log(2)  # half of the evidence is kept for starts to come


def counts(*intervals: float) -> Counts:
    return np.array(intervals, dtype=np.float64)


def mean_of(formula: Formula, trials: tuple[int, int], share: float, ratio: float, alternatives: Counts) -> float:
    """The exact mean of the evidence after two intervals, which have the same trials and other shares of bad ones."""
    canary_total, stable_total = trials
    cases = list(product(range(canary_total + 1), range(stable_total + 1)))
    canary, stable = (np.array(each, dtype=np.float64) for each in zip(*cases, strict=True))
    ways = np.array([comb(canary_total, k) * comb(stable_total, b) for k, b in cases], dtype=np.float64)

    def chances(stable_share: float) -> Counts:
        canary_share = ratio * stable_share
        in_canary = canary_share**canary * (1 - canary_share) ** (canary_total - canary)
        in_stable = stable_share**stable * (1 - stable_share) ** (stable_total - stable)
        return np.asarray(ways * in_canary * in_stable)

    chance = np.multiply.outer(chances(share), chances(share / 2)).ravel()
    both = [np.stack([np.repeat(each, len(each)), np.tile(each, len(each))], axis=-1) for each in (canary, stable)]
    totals = [np.full(both[0].shape, float(each)) for each in trials]
    logs = formula((totals[0], both[0]), (totals[1], both[1]), ratio, alternatives, 1.0, (0, 1))[:, -1]
    return float((chance * np.exp(logs)).sum())


@given(
    st.integers(1, 4),
    st.integers(1, 5),
    st.floats(0.01, 0.6),
    st.floats(0.7, 1.5),
    st.sampled_from([HIGHER, LOWER]),
)
def test_the_mean_of_the_evidence_is_at_most_1_under_the_null_hypothesis(
    canary_total: int, stable_total: int, share: float, ratio: float, alternatives: Counts
) -> None:
    assert mean_of(log_evidence, (canary_total, stable_total), share, ratio, alternatives) <= 1 + 1e-9


def test_a_canary_that_is_better_than_the_null_ratio_lowers_the_mean() -> None:
    none = (counts(40), counts(2)), (counts(60), counts(6))
    assert log_evidence(*none, 1.1, HIGHER)[-1] < 0
    assert log_evidence(*none, 1.0, LOWER)[-1] > log_evidence(*none, 1.0, HIGHER)[-1]


def uniform(weight: float, steepness: float) -> Counts:
    """Alternatives with which the canary's part of the bad trials is spread as Beta(1, steepness), in small steps."""
    parts = 1 - (1 - (np.arange(4000) + 0.5) / 4000) ** (1 / steepness)
    return np.asarray(parts / (1 - parts) / (weight / (1 - weight)))


# By savvi 0.3.1 (test of the sample ratio, arXiv 2011.03567): with theta_0 = [weight, 1 - weight] and k so that the
# prior is Beta(1, steepness), `Multinomial(0.05, theta_0, k).update(counts)`, then its `odds`. By ville 0.1.0:
# `BernoulliTest(0.1).update([1] * 12 + [0] * 48)`, then the last of `log_e_values_`.
ORACLES = {
    "savvi, 36 and 14 by 1:1": (0.5, 1, (36, 14), np.log(23.539554310797982)),
    "savvi, 12 and 48 by 1:9": (0.1, 9, (12, 48), np.log(2.8151449603158296)),
    "savvi, 30 and 170 by 1:9": (0.1, 9, (30, 170), np.log(1.774837303720199)),
    "ville, 12 and 48 by 1:9": (0.1, 1, (12, 48), 0.61041672),
}


def differs_from_oracles(formula: Formula) -> float:
    worst = 0.0
    for weight, steepness, (canary, stable), expected in ORACLES.values():
        both = (counts(weight), counts(canary)), (counts(1 - weight), counts(stable))
        of_start = np.exp(formula(*both, 1.0, uniform(weight, steepness))[-1]) - 0.5
        worst = max(worst, abs(np.log(max(2 * of_start, 1e-9)) - expected))
    return worst


def test_the_formula_is_that_of_savvi_and_ville_with_their_prior() -> None:
    assert differs_from_oracles(log_evidence) < 0.005


@given(st.integers(1, 9), st.integers(1, 9), st.floats(1, 200), st.floats(1, 200), st.floats(0.5, 2))
def test_intervals_may_be_split_and_merged_if_the_tracks_keep_their_part(
    parts: int, more: int, canary: float, stable: float, ratio: float
) -> None:
    sizes = np.array([parts, more, 3.0])
    split = (canary * sizes, sizes * 0.7), (stable * sizes, sizes * 0.4)
    merged = [(total.sum(keepdims=True), bad.sum(keepdims=True)) for total, bad in split]
    one = log_evidence(merged[0], merged[1], ratio, HIGHER)[-1]
    assert log_evidence(split[0], split[1], ratio, HIGHER)[-1] == pytest.approx(one)


@given(st.floats(1, 500), st.floats(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_the_tracks_are_treated_alike(canary: float, stable: float, part: float, other: float) -> None:
    one, two = (counts(canary), counts(canary * part)), (counts(stable), counts(stable * other))
    assert log_evidence(one, two, 1.0, HIGHER)[-1] == pytest.approx(log_evidence(two, one, 1.0, LOWER)[-1])


def test_an_interval_in_which_a_track_had_no_trials_says_nothing() -> None:
    canary, stable = (counts(100, 0, 50), counts(9, 0, 0)), (counts(300, 200, 0), counts(9, 90, 0))
    path = log_evidence(canary, stable, 1.1, HIGHER)
    assert path == pytest.approx(path[0])
    assert log_evidence((counts(0), counts(0)), (counts(0), counts(0)), 1.1, HIGHER) == pytest.approx(0)


def test_a_worse_canary_is_found_from_a_later_start_as_if_nothing_had_been_before() -> None:
    same = np.full(50, 100.0), np.full(50, 5.0)
    worse = np.concatenate([same[1], np.full(4, 15.0)])
    totals = np.full(54, 100.0)
    stable = totals, np.full(54, 5.0)
    once = log_evidence((totals, worse), stable, 1.1, HIGHER)
    again = log_evidence((totals, worse), stable, 1.1, HIGHER, 1.0, (0, 50))
    alone = log_evidence((totals[50:], worse[50:]), (totals[50:], stable[1][50:]), 1.1, HIGHER)
    assert once[-1] < 1
    assert again[-1] == pytest.approx(alone[-1] - np.log(2), abs=0.1)


def test_evidence_does_not_depend_on_what_comes_later() -> None:
    canary, stable = (counts(50, 60, 70), counts(5, 6, 7)), (counts(90, 90, 90), counts(4, 5, 6))
    path = log_evidence(canary, stable, 1.1, HIGHER, 1.0, (0, 2))
    first = log_evidence((canary[0][:2], canary[1][:2]), (stable[0][:2], stable[1][:2]), 1.1, HIGHER)
    assert path[:2] == pytest.approx(first)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=9),
    st.integers(0, 3),
    st.sampled_from([HIGHER, LOWER]),
)
def test_several_moments_say_what_is_left_without_the_loudest_pair(
    bad: list[tuple[int, int]], start: int, alternatives: Counts
) -> None:
    canary, stable = (np.array(each, dtype=np.float64) for each in zip(*bad, strict=True))
    totals, starts = np.full(len(bad), 9.0), (0, start) if 0 < start < len(bad) else (0,)
    for alternative in alternatives:
        one = counts(alternative)
        found = log_evidence_of_several_moments((totals, canary), (totals, stable), 1.1, one, 1.0, starts)[-1]
        left = []
        for begin in starts:
            logs = [np.log(alternative) * c for c in canary[begin:]]
            share = np.log((1.1 + 1) / (alternative * 1.1 + 1))
            each = [log + share * (c + b) for log, c, b in zip(logs, canary[begin:], stable[begin:], strict=True)]
            pairs = [0.0, *each, *(sum(each[at : at + 2]) for at in range(len(each) - 1))]
            left.append(sum(each) - max(pairs))
        parts = [np.log(0.5) * (place + 1) + log for place, log in enumerate(left)]
        assert found == pytest.approx(np.logaddexp.reduce([-len(starts) * np.log(2), *parts]))
        assert found <= log_evidence((totals, canary), (totals, stable), 1.1, one, 1.0, starts)[-1] + 1e-9


def test_clusters_weigh_as_one_trial() -> None:
    alternative = counts(2.0)
    single = log_evidence((counts(30), counts(9)), (counts(90), counts(9)), 1.1, alternative)
    clusters = log_evidence((counts(300), counts(90)), (counts(900), counts(90)), 1.1, alternative, 10.0)
    assert clusters == pytest.approx(single)


def test_the_mean_of_numbers_given_by_logarithms_does_not_overflow() -> None:
    assert log_mean_exp(counts(1000, -1000)) == pytest.approx(1000 - np.log(2))


MUTANTS = {
    "terms swapped": ("np.log(alternative) * canary_bad", "np.log(alternative) * (bad - canary_bad)"),
    "no term of stable": ("canary_bad + stable_bad, 0.0)", "canary_bad, 0.0)"),
    "fraction upside down": (
        "(expected + rest) / (alternative * expected + rest)", "(alternative * expected + rest) / (expected + rest)",
    ),
    "no null ratio": ("null_ratio * canary_total", "canary_total"),
    "null ratio upside down": ("null_ratio * canary_total", "canary_total / null_ratio"),
    "alternative not in the fraction": ("alternative * expected", "expected"),
    "trials of the wrong track": ("stable_total, 1.0)", "canary_total, 1.0)"),
    "sum, not mean, of alternatives": (" - np.log(len(alternatives))", ""),
    "too much weight for starts": ("(place + 1) * np.log(2)", "place * np.log(2)"),
    "no evidence is kept for starts": ("-len(starts) * np.log(2)", "0.0"),
    "clusters count more": ("since / dispersion", "since * dispersion"),
    "clusters are not counted": ("since / dispersion", "since"),
    "starts are ignored": ("since = path - path[..., start - 1 : start] if start else path", "since = path"),
    "evidence before its start": ("< start, 0.0", "< 0, 0.0"),
    "one interval only": ("np.cumsum(growth, axis=-1)", "growth"),
    "silent intervals speak": ("both = (canary_total > 0) & (stable_total > 0)", "both = canary_total >= 0"),
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_of_the_formula_dies(mutant: str) -> None:
    before, after = MUTANTS[mutant]
    text = Path(evidence.__file__).read_text(encoding="utf-8")
    assert text.count(before) == 1
    module = types.ModuleType("mutant")
    exec(compile(text.replace(before, after), "mutant", "exec"), module.__dict__)  # noqa: S102 - our own text
    with np.errstate(all="ignore"):
        assert breaks_a_promise(module.log_evidence), "nothing shows that it is wrong"


def breaks_a_promise(formula: Formula) -> bool:
    means = [
        mean_of(formula, trials, share, ratio, alternatives)
        for trials in ((3, 4), (1, 3))
        for share in (0.1, 0.6)
        for ratio in (0.8, 1.4)
        for alternatives in (HIGHER, LOWER)
    ]
    if not max(means) <= 1 + 1e-9 or not differs_from_oracles(formula) < 0.005:
        return True
    for promise in (
        test_an_interval_in_which_a_track_had_no_trials_says_nothing,
        test_a_worse_canary_is_found_from_a_later_start_as_if_nothing_had_been_before,
        test_evidence_does_not_depend_on_what_comes_later,
        test_clusters_weigh_as_one_trial,
        test_a_canary_that_is_better_than_the_null_ratio_lowers_the_mean,
    ):
        namespace = {**promise.__globals__, "log_evidence": formula}
        try:
            types.FunctionType(promise.__code__, namespace)()
        except AssertionError:
            return True
    return False
