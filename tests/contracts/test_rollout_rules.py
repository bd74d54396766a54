"""The end-to-end tests of rollouts compute from recorded counts: quantiles, hurt requests, and other tools' rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.judge.counts import Interval, PodCounts, TrackCounts
from plimsoll.judge.rules import Rules
from plimsoll.judge.verdict import Verdict

from tests.e2e.rollouts_picture import looks, minutes_to_failure
from tests.e2e.rollouts_rules import ARGO_LATENCY, ARGO_SUCCESS, FLAGGER, seconds_to_rollback
from tests.e2e.rollouts_stream import from_csv, hurt_share, summed, to_csv

EDGES = (0.01, 0.025, 0.5, 1.0)
counts_st = st.integers(0, 10_000).map(float)


def pod(name: str, requests: float, failed: float = 0.0, slower: tuple[float, ...] = (0, 0, 0, 0)) -> PodCounts:
    return PodCounts(name, TrackCounts(requests, failed, requests - failed, dict(zip(EDGES, slower, strict=True))))


def stream(canary: PodCounts, stable: PodCounts, minutes: int, seconds: float = 15) -> tuple[Interval, ...]:
    """The same counts again and again."""
    return tuple(
        Interval(1000 + seconds * place, 1000 + seconds * (place + 1), 0.25, canary=(canary,), stable=(stable,))
        for place in range(int(minutes * 60 / seconds))
    )


@st.composite
def intervals_st(draw: st.DrawFn) -> tuple[Interval, ...]:
    def pods(name: str) -> tuple[PodCounts, ...]:
        numbers = st.tuples(counts_st, counts_st, counts_st, st.tuples(*[counts_st] * len(EDGES)))
        return tuple(
            PodCounts(f"{name}-{place}", TrackCounts(each[0], each[1], each[2], dict(zip(EDGES, each[3], strict=True))))
            for place, each in enumerate(draw(st.lists(numbers, min_size=1, max_size=3)))
        )

    weights = draw(st.lists(st.sampled_from([None, 0.05, 0.5]), min_size=1, max_size=5))
    return tuple(
        Interval(15.0 * place, 15.0 * (place + 1), weight, canary=pods("c"), stable=pods("s"))
        for place, weight in enumerate(weights)
    )


@given(intervals_st())
def test_counts_come_back_from_their_csv(intervals: tuple[Interval, ...]) -> None:
    assert from_csv(to_csv(intervals)) == intervals


def test_a_csv_names_no_date() -> None:
    (only, *_) = from_csv(to_csv(stream(pod("c", 5), pod("s", 95), minutes=1)))
    assert (only.start_seconds, only.end_seconds) == (0, 15)


def test_no_intervals_are_refused() -> None:
    with pytest.raises(ValueError, match="no intervals"):
        to_csv(())


def test_a_quantile_lies_where_its_bucket_does() -> None:
    answers = summed([pod("c", 100, slower=(40, 10, 2, 0))])
    assert answers.quantile(0.6) == pytest.approx(0.01)
    assert answers.quantile(0.75) == pytest.approx(0.0175)  # half of the way through the second bucket
    assert answers.quantile(0.95) == pytest.approx(0.025 + 0.475 * 5 / 8)
    assert summed([]).quantile(0.5) is None


def test_hurt_are_those_that_stable_would_have_answered_in_time() -> None:
    stable = pod("s", 900, slower=(450, 36, 0, 0))
    slow = stream(pod("c", 100, slower=(90, 34, 0, 0)), stable, minutes=1)
    assert hurt_share(slow) == pytest.approx((34 - 4) / 1000)  # at 25 ms, the first edge that 5 % of stable's exceed
    failing = stream(pod("c", 100, failed=20, slower=(40, 3, 0, 0)), stable, minutes=1)
    assert hurt_share(failing) == pytest.approx(20 / 1000, rel=0.05)
    assert hurt_share(stream(pod("c", 100, slower=(50, 4, 0, 0)), stable, minutes=1)) == 0


def test_argos_example_needs_three_windows_of_five_minutes_below() -> None:
    failing = stream(pod("c", 100, failed=6), pod("s", 900), minutes=30)
    assert seconds_to_rollback(ARGO_SUCCESS, failing) == 900
    assert seconds_to_rollback(ARGO_SUCCESS, stream(pod("c", 100, failed=5), pod("s", 900), minutes=30)) is None
    assert seconds_to_rollback(ARGO_SUCCESS, failing[:59]) is None  # not quite three windows


def test_flaggers_example_needs_five_failed_minutes() -> None:
    failing = stream(pod("c", 100, failed=2), pod("s", 900), minutes=10)
    assert seconds_to_rollback(FLAGGER, failing) == 300
    slow = stream(pod("c", 100, slower=(90, 80, 2, 0)), pod("s", 900), minutes=10)
    assert seconds_to_rollback(FLAGGER, slow) == 300
    good = stream(pod("c", 100, failed=1), pod("s", 900), minutes=10)
    assert seconds_to_rollback(FLAGGER, good) is None
    assert seconds_to_rollback(FLAGGER, (*good[:4], *failing[4:24])) == 360  # checks that failed, in a row or not


def test_half_as_slow_again_is_nothing_to_a_limit_of_half_a_second() -> None:
    slow = stream(pod("c", 100, slower=(99, 45, 0, 0)), pod("s", 900, slower=(700, 90, 0, 0)), minutes=30)
    assert [seconds_to_rollback(rule, slow) for rule in (ARGO_LATENCY, FLAGGER)] == [None, None]


def test_a_canary_without_requests_fails_no_check() -> None:
    idle = stream(pod("c", 0), pod("s", 900), minutes=30)
    assert [seconds_to_rollback(rule, idle) for rule in (ARGO_SUCCESS, ARGO_LATENCY, FLAGGER)] == [None, None, None]
    assert seconds_to_rollback(FLAGGER, ()) is None


def test_a_picture_shows_what_the_judge_said_at_each_moment() -> None:
    begun: list[float] = []

    def judge(intervals: object, step_start_seconds: float, rules: Rules) -> Verdict:
        assert isinstance(intervals, tuple)
        begun.append(step_start_seconds)
        result = "fail" if len(intervals) > 3 else "continue"
        return Verdict(result, "", float(len(intervals)), 1 / rules.alpha, (), 0, 0, None, 1.0, None)  # type: ignore[arg-type]

    first = stream(pod("c", 5), pod("s", 95), minutes=1)
    second = tuple(_at(each, 60, 0.5) for each in first)
    seen = looks((*first, *second), Rules(), judge)
    assert [each.percent for each in seen] == [25] * 4 + [50] * 4
    assert begun == [1000.0] * 4 + [1060.0] * 4
    assert minutes_to_failure(seen) == 1.0
    assert minutes_to_failure(seen[:3]) is None


def _at(interval: Interval, later: float, weight: float) -> Interval:
    start, end = interval.start_seconds + later, interval.end_seconds + later
    return Interval(start, end, weight, canary=interval.canary, stable=interval.stable)
