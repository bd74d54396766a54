from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite, log, nan
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plimsoll.judge.counts import Interval, PodCounts, TrackCounts, Trials
from plimsoll.judge.judgement import judge
from plimsoll.judge.rules import Rules
from plimsoll.judge.verdict import Verdict

from tests.unit.judge.rollouts import EDGES, SLOW, counts, part_of, rollout

RULES = Rules()
DIGITS = {str(digit): 0.1 for digit in range(10)}


def check_of(verdict: Verdict, name: str) -> float:
    return next(check.evidence for check in verdict.checks if check.name == name)


def test_a_slow_canary_fails_with_numbers_of_the_edge_that_says_most() -> None:
    verdict = judge(rollout(counts(30, SLOW), counts(270), 20), 1000, RULES)
    assert verdict.result == "fail"
    assert verdict.reason.startswith(
        "The canary is slower: 45 % of its answers took longer than 0.1 s, 20 % of stable's; evidence "
    )
    assert verdict.reason.endswith(", and 20 decides. Roll back.")
    assert verdict.evidence >= verdict.threshold == 20


def test_a_canary_that_fails_more_often_fails() -> None:
    verdict = judge(rollout(counts(30, failed=0.1), counts(270, failed=0.01), 20), 1000, RULES)
    assert verdict.result == "fail"
    assert verdict.reason.startswith("The canary fails more often: 10 % of its requests failed, 1 % of stable's;")


@pytest.mark.parametrize("length", [1, 2])
def test_failures_of_one_moment_do_not_fail_and_those_that_last_do(length: int) -> None:
    canary, failing = PodCounts("canary-a", counts(30)), PodCounts("canary-a", counts(30, failed=0.5))
    good = rollout(counts(30), counts(570), 40, weight=0.05)
    once = [replace(each, canary=(failing if 20 <= at < 20 + length else canary,)) for at, each in enumerate(good)]
    assert all(judge(once[:number], 1000, RULES).result != "fail" for number in range(20, 41, 4))
    lasting = [replace(each, canary=(failing if at >= 20 else canary,)) for at, each in enumerate(good)]
    assert any(judge(lasting[:number], 1000, RULES).result == "fail" for number in range(21, 27))


def test_a_guard_fails_and_only_if_the_rules_name_it() -> None:
    canary, stable = (counts(10 * n, guards={"orders": Trials(10 * n, bad)}) for n, bad in ((3, 15), (27, 27)))
    verdict = judge(rollout(canary, stable, 20), 1000, replace(RULES, guards=("orders",)))
    assert verdict.result == "fail"
    assert "guard:orders: 50 % of its trials were bad, 10 % of stable's" in verdict.reason
    assert judge(rollout(canary, stable, 20), 1000, RULES).result != "fail"
    without = judge(rollout(counts(30), counts(270), 20), 1000, replace(RULES, guards=("orders",)))
    assert check_of(without, "guard:orders") == pytest.approx(1)


def sharp(median: float) -> tuple[float, ...]:
    """The shares slower than each edge where times differ by 3 % only."""
    return tuple(1 - NormalDist(log(median), 0.03).cdf(log(edge)) for edge in EDGES)


@pytest.mark.parametrize(
    ("slower", "result"), [(1.0, "pass"), (1.05, "hold"), (1.09, "hold"), (1.5, "hold"), (3, "fail")]
)
def test_times_close_together_fail_only_for_what_the_histogram_proves(slower: float, result: str) -> None:
    """Between the edges 0.05 and 0.1 nobody sees by how much a canary is slower."""
    intervals = rollout(counts(90, sharp(0.095 * slower)), counts(270, sharp(0.095)), 40, weight=0.25)
    verdicts = [judge(intervals[:number], 1000, RULES) for number in range(2, 41)]
    assert next(each.result for each in verdicts if each.result != "continue") == result
    if result == "hold":
        assert {each.result for each in verdicts} <= {"continue", "hold"}
        assert "The duration histogram cannot show by how much" in verdicts[-1].reason


@pytest.mark.parametrize(("tail", "result"), [(0.012, "hold"), (0.03, "fail")])
def test_what_one_edge_cannot_prove_holds_once_another_had_the_answers_to_prove_it(tail: float, result: str) -> None:
    """The edge 0.1 suggests a slower canary early, and cannot prove it; 0.25 proves it later, if the tail is long."""
    stable, canary = (0.99, 0.12, 0.004, 0.001), (0.97, 0.4, tail, 0.004)
    intervals = rollout(counts(90, canary), counts(270, stable), 7, weight=0.25)
    early = judge(intervals[:6], 1000, RULES)
    suggests = next(check for check in early.checks if check.name == "bucket")
    assert suggests.evidence > suggests.threshold
    assert early.result == "continue"
    assert "about 601 are needed" in early.reason
    assert judge(intervals, 1000, RULES).result == result


def test_a_step_passes_once_what_must_not_be_overlooked_would_have_been_found() -> None:
    same = rollout(counts(30), counts(270), 40)
    results = [judge(same[: number + 1], 1000, RULES) for number in range(40)]
    assert {each.result for each in results} == {"continue", "pass"}
    for each in results:
        assert each.needed is not None
        assert (each.result == "pass") == (each.canary_requests >= each.needed)
    passed = next(each for each in results if each.result == "pass")
    assert passed.reason.startswith(f"Nothing speaks against the canary. It answered {passed.canary_requests:.0f}")
    assert "one that is 50 % slower or fails 2 times more in 100 with a probability of 80 %" in passed.reason


def test_pods_of_one_track_that_differ_are_named_where_they_keep_a_step_from_passing() -> None:
    """More requests make the difference between two pods no smaller, so the number that is needed grows with them."""
    quick, slow = counts(90, (0.5, 0.1, 0.005, 0.001)), counts(90, (0.7, 0.3, 0.015, 0.003))
    unlike = [
        replace(each, stable=(PodCounts("quick", quick), PodCounts("slow", slow)))
        for each in rollout(counts(60), counts(180), 120, weight=0.25)
    ]
    early, late = judge(unlike[:40], 1000, RULES), judge(unlike, 1000, RULES)
    for verdict in (early, late):
        assert verdict.result == "continue"
        assert "times as many as if requests were independent" in verdict.reason
        assert "give the canary more pods" in verdict.reason
    assert early.needed is not None
    assert late.needed is not None
    assert late.needed > 1.5 * early.needed
    alike = judge(rollout(counts(60), counts(180), 3, weight=0.25), 1000, RULES)
    assert alike.result == "continue"
    assert "independent" not in alike.reason


def test_only_requests_of_the_present_step_make_it_pass() -> None:
    same = rollout(counts(30), counts(270), 41)
    verdict = judge(same, same[40].start_seconds, RULES)
    assert verdict.result == "continue"
    assert verdict.canary_requests == 30
    assert verdict.reason.startswith("The canary answered 30 requests in this step, and about ")


def test_a_step_does_not_pass_while_something_speaks_and_does_not_decide() -> None:
    rather_slow = rollout(counts(30, (0.7, 0.3, 0.02, 0.004)), counts(270), 45)
    verdicts = [judge(rather_slow[:number], 1000, RULES) for number in range(20, 45)]
    assert all(each.needed is not None and each.canary_requests >= each.needed for each in verdicts)
    speaking = [each for each in verdicts if 1.2 < each.evidence < 20]
    assert {each.result for each in speaking} == {"continue"}
    assert all("latency speaks against the canary and does not decide yet" in each.reason for each in speaking)


def test_a_wrong_split_holds_and_names_the_usual_causes() -> None:
    verdict = judge(rollout(counts(60), counts(240), 20), 1000, RULES)
    assert verdict.result == "hold"
    assert verdict.reason.startswith("The canary got 20 % of the requests, and its weight is 10 %")
    for cause in ("name a track or a version", "second writer of the route", "pods that are not ready"):
        assert cause in verdict.reason
    assert verdict.reason.endswith("Look at it, then go on or roll back."), "whoever asks: the driver or a controller"


def test_a_wrong_split_of_an_earlier_step_does_not_hold() -> None:
    intervals = rollout(counts(60), counts(240), 20) + [
        replace(each, start_seconds=each.start_seconds + 300, end_seconds=each.end_seconds + 300)
        for each in rollout(counts(30), counts(270), 20)
    ]
    assert judge(intervals, 1300, RULES).result == "pass"


def test_where_no_weight_is_known_the_share_is_stated_and_the_margin_doubled() -> None:
    verdict = judge(rollout(counts(60), counts(240), 3, weight=None), 1000, RULES)
    assert verdict.result == "continue"
    assert verdict.reason.endswith(
        " The weight is not known: the canary gets 20 % of the requests, and with twice the margin 20 % slower or more "
        "often does not matter."
    )
    assert [check.name for check in verdict.checks] == ["latency", "errors"]


def test_other_classes_hold_and_do_not_fail() -> None:
    canary = counts(30, classes={**dict.fromkeys(DIGITS, 0.0), "7": 1.0})
    verdict = judge(rollout(canary, counts(270, classes=DIGITS), 20), 1000, RULES)
    assert verdict.result == "hold"
    assert "class 7 is 100 % of its predictions, and 10 % of stable's" in verdict.reason


@pytest.mark.parametrize(("canary", "stable"), [(10.0, 0.0), (0.0, 90.0), (12.0, 27.0)])
def test_another_share_of_refused_requests_holds_and_does_not_fail(canary: float, stable: float) -> None:
    both = replace(counts(30), refused=canary), replace(counts(270), refused=stable)
    verdict = judge(rollout(*both, 30), 1000, RULES)
    assert verdict.result == "hold"
    assert f"The canary refuses {canary / 0.3:.3g} % of the requests as wrong (4xx), and stable " in verdict.reason


def test_the_same_share_of_refused_requests_or_those_of_one_moment_do_not_hold() -> None:
    both = replace(counts(30), refused=3.0), replace(counts(270), refused=27.0)
    assert judge(rollout(*both, 40), 1000, RULES).result == "pass"
    burst = rollout(counts(30), counts(270), 40)
    burst[20] = rollout(replace(counts(30), refused=30.0), counts(270), 21)[20]
    assert all(judge(burst[:number], 1000, RULES).result != "hold" for number in range(20, 41, 4))
    assert "refused" not in [check.name for check in judge(burst[:20], 1000, RULES).checks]


def test_a_failure_comes_before_a_hold_and_a_hold_before_a_pass() -> None:
    other = dict.fromkeys(DIGITS, 0.0) | {"7": 1.0}
    slow = rollout(counts(60, SLOW, classes=other), counts(240, classes=DIGITS), 40)
    assert judge(slow, 1000, RULES).result == "fail"
    quick = rollout(counts(30, classes=other), counts(270, classes=DIGITS), 40)
    assert judge(quick, 1000, RULES).result == "hold"


NOTHING = TrackCounts()
WITHOUT_DATA = {
    "no interval": [],
    "no pods": [Interval(1000, 1015, 0.1, (), ())],
    "no canary": [replace(each, canary=()) for each in rollout(counts(30), counts(270), 50)],
    "no stable": [replace(each, stable=()) for each in rollout(counts(30), counts(270), 50)],
    "no requests": rollout(NOTHING, NOTHING, 50),
    "weight 0": rollout(NOTHING, counts(270), 50, weight=0.0),
    "weight 1": rollout(counts(270), NOTHING, 50, weight=1.0),
    "no histogram": rollout(TrackCounts(requests=300.0), TrackCounts(requests=2700.0), 50),
    "not a number": rollout(replace(counts(30, SLOW), failed=nan), counts(270), 50),
    "negative": rollout(replace(counts(30, SLOW), answered=-1.0), counts(270), 50),
    "infinite": rollout(replace(counts(30, SLOW), requests=inf), counts(270), 50),
}


@pytest.mark.parametrize("case", WITHOUT_DATA)
def test_without_data_it_continues_and_says_why(case: str) -> None:
    verdict = judge(WITHOUT_DATA[case], 1000, RULES)
    assert verdict.result == "continue"
    assert verdict.evidence == pytest.approx(1)
    assert verdict.reason.endswith(".")


def test_a_canary_whose_durations_are_not_read_does_not_pass() -> None:
    verdict = judge(rollout(TrackCounts(requests=30.0), counts(270), 60), 1000, RULES)
    assert verdict.canary_requests == 1800
    assert verdict.result == "continue"


def test_the_reason_names_the_weight_that_leaves_nothing_to_compare() -> None:
    assert "because its weight is 0" in judge(WITHOUT_DATA["weight 0"], 1000, RULES).reason
    assert "because the weight is 100 %" in judge(WITHOUT_DATA["weight 1"], 1000, RULES).reason


def test_a_stable_version_whose_answers_lie_in_one_bucket_never_passes_and_the_reason_says_so() -> None:
    coarse = counts(30, (1.0, 1.0, 0.0, 0.0)), counts(270, (1.0, 1.0, 0.0, 0.0))
    verdict = judge(rollout(*coarse, 100), 1000, RULES)
    assert (verdict.result, verdict.needed) == ("continue", None)
    assert "too few answers of stable lie on both sides of an edge" in verdict.reason


numbers = st.one_of(st.floats(0, 1e9), st.sampled_from([nan, inf, -1.0, 0.0]))
any_counts = st.builds(
    TrackCounts,
    requests=numbers,
    failed=numbers,
    answered=numbers,
    slower=st.dictionaries(st.sampled_from([0.1, 0.5, 0.0, inf, nan]), numbers, max_size=3),
    classes=st.dictionaries(st.sampled_from(["a", "b"]), numbers, max_size=2),
    guards=st.dictionaries(st.just("g"), st.builds(Trials, numbers, numbers), max_size=1),
)
any_pods = st.lists(st.builds(PodCounts, st.sampled_from("ab"), any_counts), max_size=3).map(tuple)
any_interval = st.builds(
    Interval,
    st.floats(0, 1e4),
    st.floats(0, 1e4),
    st.one_of(st.none(), st.sampled_from([0.0, 0.05, 0.5, 1.0, -1.0, nan])),
    any_pods,
    any_pods,
)


@settings(max_examples=60)
@given(st.lists(any_interval, max_size=8), st.floats(0, 1e4))
def test_no_counts_make_a_number_that_is_not_finite(intervals: list[Interval], start: float) -> None:
    verdict = judge(intervals, start, replace(RULES, guards=("g",)))
    shown = [verdict.evidence, verdict.dispersion, verdict.share or 0, verdict.needed or 0]
    shown += [number for check in verdict.checks for number in (check.evidence, check.canary, check.stable)]
    assert all(isfinite(number) and number >= 0 for number in shown)
    assert "nan" not in verdict.reason
    assert "inf" not in verdict.reason


@given(st.randoms())
def test_the_order_of_pods_and_intervals_does_not_matter(random: object) -> None:
    intervals = [
        replace(each, canary=(*each.canary, PodCounts("canary-b", part_of(counts(9, SLOW, 0.1), number / 7))))
        for number, each in enumerate(rollout(counts(30), counts(270, failed=0.01), 8))
    ]
    expected = judge(intervals, 1000, RULES)
    shuffle = random.shuffle  # type: ignore[attr-defined]
    other = [replace(each, stable=tuple(reversed(each.stable)), canary=each.canary[::-1]) for each in intervals]
    shuffle(other)
    found = judge(other, 1000, RULES)
    assert (found.result, found.reason) == (expected.result, expected.reason)
    assert found.evidence == pytest.approx(expected.evidence)


def test_a_failure_stays_one_when_later_intervals_are_lost() -> None:
    slow = rollout(counts(30, SLOW), counts(270), 20)
    lost = [replace(each, canary=(), stable=(), start_seconds=each.start_seconds + 300) for each in slow]
    assert judge([*slow, *lost], 1000, RULES).result == "fail"
