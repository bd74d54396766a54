"""The reader of a release's counts, of a real Prometheus that scrapes real sockets."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from plimsoll.judge.counts import Interval, TrackCounts
from plimsoll.judge.rules import Rules
from plimsoll.rollout import prometheus_periods
from plimsoll.rollout.guards import read_guards
from plimsoll.rollout.history import HistoryUnavailable, Period
from plimsoll.rollout.judge_verdicts import Question, RecordedJudge
from plimsoll.rollout.prometheus import Prometheus
from plimsoll.rollout.prometheus_history import PrometheusHistory
from plimsoll.rollout.prometheus_periods import NoCanary, periods_from_rules
from plimsoll.rollout.prometheus_release import ReleaseSeries

from tests.doubles.scripted_pods import ScriptedPod, labels_of, running
from tests.integration.real_prometheus import RealPrometheus

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="needs `prometheus` and `promtool` on PATH: apt install prometheus",
)

GUARD = 'sales=shop_paid_total{track="$track", namespace="$namespace"}/shop_orders_total{track="$track"}'
SCRAPE_SECONDS = 1.0
HOUR = 3600
STEP = 15


class Recorded(NamedTuple):
    """A Prometheus, the period in which its pods did what the test knows, and the requests that they counted in it.

    The canary could not be read in `unreadable`. At `past` ends a history that was written before it started.
    """

    prometheus: Prometheus
    period: Period
    canary: float
    stable: float
    unreadable: tuple[float, float]
    past: float


def past_samples(end: int) -> Iterator[str]:
    """Three hours of a release of that past, as OpenMetrics: weight 0 for an hour, 0.05 for one, then 0.25."""
    begin = end - 3 * HOUR
    where = 'namespace="past",service="shop-plimsoll-canary"'
    series: list[tuple[str, Callable[[int], float]]] = [
        (f"plimsoll:canary_weight:ratio{{{where}}}", lambda at: (0, 0.05, 0.25)[min(2, (at - begin) // HOUR)]),
        (f'plimsoll_build_info{{{where},version="1.0"}}', lambda _: 1),
        (f'plimsoll_model_info{{{where},model="digits",version="2",digest="d"}}', lambda _: 1),
    ]
    for name, value in series:
        family = name.partition("{")[0]
        yield f"# TYPE {family} gauge"
        yield from (f"{name} {value(at)} {at}" for at in range(begin, end + 1, STEP))
        yield from canaries_in_turn(family, end)
    yield "# EOF"


def canaries_in_turn(family: str, end: int) -> Iterator[str]:
    """Samples of the last hour of a release whose canary was removed, and came again with another image."""
    pods = {"66bfd8f-fghjk": (60, 45), "66bfd8f-lmnpq": (45, 26), "7d9cf5-fghjk": (20, 10), "7d9cf5-rstvw": (10, 0)}
    if family == "plimsoll:canary_weight:ratio":
        return
    of = ',model="digits"' if family == "plimsoll_model_info" else ""
    for pod, (first, last) in pods.items():
        where = f'namespace="turns",service="shop-plimsoll-canary",pod="shop-plimsoll-canary-{pod}"'
        times = range(end - 60 * first, end - 60 * last + 1, STEP)
        yield from (f'{family}{{{where}{of},version="1.0"}} 1 {at}' for at in times)


def write_past(folder: Path, end: int) -> None:
    """Put that history where Prometheus is going to keep its data."""
    samples = folder / "past.txt"
    samples.write_text("\n".join(past_samples(end)) + "\n")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", samples, folder / "data"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def traffic(seconds: float, step: Callable[[], None]) -> None:
    """Do something ten times a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        step()
        time.sleep(0.1)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "not within 30 s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("prometheus")
    past = int(time.time()) - 20 * 60
    write_past(folder, past)
    canary = ScriptedPod("2", started=time.time() - 99)
    stable = [ScriptedPod(started=time.time() - 999) for _ in range(2)]
    for pod in (canary, *stable):
        pod.answer(5000)  # before the rollout
        pod.answer(70, code="500")
    names = {"canary-0": canary, "stable-0": stable[0], "stable-1": stable[1]}

    def both() -> None:
        canary.answer(2, seconds=0.3, label="b")
        stable[0].answer(3)
        stable[1].answer(4)

    with running(names) as urls:
        targets = {url: labels_of(name) for url, name in zip(urls, names, strict=True)}
        server = RealPrometheus(folder, targets, [])
        try:
            server.wait_until_ready()
            eventually(lambda: server.query("count(up == 1)") == [3])
            begin, canary_before = time.time(), canary.requests.total()
            before = sum(each.requests.total() for each in stable)
            time.sleep(1.2 * SCRAPE_SECONDS)
            traffic(1.0, both)
            stable[0].answer(6, code="503")
            stable[1].answer(5, code="429")
            for code, number in (("499", 2), ("422", 3), ("401", 1)):
                stable[1].answer(number, code=code)
            time.sleep(1.2 * SCRAPE_SECONDS)
            canary_first = canary.requests.total() - canary_before
            canary.restart()
            traffic(1.0, both)
            canary.hide()
            hidden = time.time()
            traffic(2.5, both)
            shown = time.time()
            canary.server.status = 200
            traffic(0.5, both)
            time.sleep(2.2 * SCRAPE_SECONDS)
            client = Prometheus(server.url)
            yield Recorded(
                client,
                Period(begin, time.time(), 0.25),
                canary=canary_first + canary.requests.total(),
                stable=sum(each.requests.total() for each in stable) - before,
                unreadable=(hidden, shown),
                past=past,
            )
            client.close()
        finally:
            server.stop()


def history(recorded: Recorded, namespace: str = "here", fullname: str = "shop-plimsoll") -> PrometheusHistory:
    return PrometheusHistory(recorded.prometheus, ReleaseSeries(fullname, namespace), read_guards([GUARD]))


def of_track(intervals: Sequence[Interval], track: str) -> list[TrackCounts]:
    return [pod.counts for interval in intervals for pod in getattr(interval, track)]


def total(counts: Sequence[TrackCounts], what: str) -> float:
    return sum(float(getattr(each, what)) for each in counts)


def test_no_request_is_lost_or_counted_twice_over_a_restart_and_missed_scrapes(recorded: Recorded) -> None:
    intervals = history(recorded).read([recorded.period], SCRAPE_SECONDS)
    canary, stable = of_track(intervals, "canary"), of_track(intervals, "stable")
    assert (total(canary, "requests"), total(stable, "requests")) == (recorded.canary, recorded.stable)
    assert total(canary, "answered") == recorded.canary
    assert total(stable, "answered") == recorded.stable - 17
    assert (total(canary, "failed"), total(stable, "failed")) == (0, 13)
    assert (total(canary, "refused"), total(stable, "refused")) == (0, 3)
    assert sum(each.slower[0.1] for each in canary) == recorded.canary
    assert sum(each.slower[0.5] for each in canary) == sum(each.slower[0.1] for each in stable) == 0
    assert sum(each.classes["b"] for each in canary) == recorded.canary


def test_intervals_follow_each_other_and_name_pods_and_weight(recorded: Recorded) -> None:
    intervals = history(recorded).read([recorded.period], SCRAPE_SECONDS)
    assert [each.start_seconds for each in intervals[1:]] == [each.end_seconds for each in intervals[:-1]]
    assert {each.weight for each in intervals} == {0.25}
    assert {pod.pod for each in intervals for pod in each.canary} == {"shop-plimsoll-canary-0"}
    assert {pod.pod for each in intervals for pod in each.stable} == {
        "shop-plimsoll-stable-0",
        "shop-plimsoll-stable-1",
    }


def test_while_a_track_cannot_be_read_no_interval_has_pods_of_either(recorded: Recorded) -> None:
    hidden, shown = recorded.unreadable
    intervals = history(recorded).read([recorded.period], SCRAPE_SECONDS)
    during = [each for each in intervals if hidden + SCRAPE_SECONDS < each.end_seconds < shown]
    assert during
    assert all(each.canary == each.stable == () for each in during)
    for each in intervals:
        assert bool(each.canary) == bool(each.stable)


def test_a_guard_has_the_trials_of_its_own_expressions(recorded: Recorded) -> None:
    intervals = history(recorded).read([recorded.period], SCRAPE_SECONDS)
    canary = [each.guards["sales"] for each in of_track(intervals, "canary") if each.guards]
    stable = [each.guards["sales"] for each in of_track(intervals, "stable") if each.guards]
    # A restart makes a sum fall: that interval has no trials, and the canary answered nothing but b, which is not paid.
    assert 0 < sum(each.total for each in canary) <= recorded.canary
    assert sum(each.bad for each in canary) == sum(each.total for each in canary)
    assert sum(each.total for each in stable) == recorded.stable - 17
    assert sum(each.bad for each in stable) == 0


def test_a_period_is_read_the_same_a_second_time_and_as_a_part_of_a_longer_one(recorded: Recorded) -> None:
    period = recorded.period
    shorter = Period(period.start_seconds, period.end_seconds - 4.5, period.weight)
    first = history(recorded).read([shorter], SCRAPE_SECONDS)
    assert history(recorded).read([period], SCRAPE_SECONDS)[: len(first)] == first
    assert history(recorded).read([Period(period.start_seconds, period.start_seconds + 0.5, 0.1)], 1) == ()


def test_traffic_is_the_rate_of_both_tracks_and_the_failures_of_stable(recorded: Recorded) -> None:
    traffic_seen = history(recorded).traffic(60)
    assert traffic_seen.requests_per_second > 0
    assert 0 < traffic_seen.failed < 1
    assert traffic_seen.slower == {0.1: pytest.approx(0, abs=1e-9), 0.5: pytest.approx(0, abs=1e-9)}


def test_a_release_of_the_same_name_in_another_namespace_is_another_one(recorded: Recorded) -> None:
    with pytest.raises(
        HistoryUnavailable, match=r"no series of release shop-plimsoll in namespace there now; it has here/"
    ):
        history(recorded, namespace="there").read([recorded.period], SCRAPE_SECONDS)
    with pytest.raises(HistoryUnavailable, match=r"it has here/shop-plimsoll.*; check the names"):
        history(recorded, fullname="shop").traffic(60)


def test_a_guard_that_prometheus_refuses_is_named(recorded: Recorded) -> None:
    guards = read_guards(['sales=rate(a_total{track="$track"})/b_total{track="$track"}'])
    reader = PrometheusHistory(recorded.prometheus, ReleaseSeries("shop-plimsoll", "here"), guards)
    with pytest.raises(HistoryUnavailable, match=r"refuses the expressions of the guard sales: .*range vector"):
        reader.read([recorded.period], SCRAPE_SECONDS)


def test_a_rollout_without_recorded_weights_names_the_rules_to_install(recorded: Recorded) -> None:
    later = time.time() + 20  # a day is looked at in steps of 16 s, and the canary may be younger than one
    with pytest.raises(HistoryUnavailable, match=r"monitoring\.rules\.enabled=true"):
        periods_from_rules(recorded.prometheus, ReleaseSeries("shop-plimsoll", "here"), later, SCRAPE_SECONDS)


def test_where_the_split_is_not_known_there_is_one_period_since_the_canary_came(recorded: Recorded) -> None:
    now = time.time() + 60  # as long as Prometheus takes the last samples for the present ones
    release = ReleaseSeries("shop-plimsoll", "here")
    rollout = periods_from_rules(recorded.prometheus, release, now, SCRAPE_SECONDS, weights_are_recorded=False)
    assert [(each.weight, each.end_seconds) for each in rollout.periods] == [(None, now)]
    assert rollout.since_seconds == rollout.step_start_seconds == rollout.periods[0].start_seconds
    assert -STEP < rollout.since_seconds - recorded.period.start_seconds < 3 * STEP


def test_the_weights_of_the_past_are_periods_without_what_is_near_a_change(recorded: Recorded) -> None:
    past = recorded.past
    rollout = periods_from_rules(recorded.prometheus, ReleaseSeries("shop-plimsoll", "past"), past, STEP)
    first, second = rollout.periods
    assert (first.weight, second.weight) == (0.05, 0.25)
    assert first.start_seconds == pytest.approx(past - 2 * HOUR + 2 * STEP, abs=STEP)
    assert first.end_seconds == pytest.approx(past - HOUR - 120 - STEP, abs=STEP)
    assert rollout.step_start_seconds == second.start_seconds == pytest.approx(past - HOUR + 2 * STEP, abs=STEP)
    assert second.end_seconds == past - 120
    assert rollout.since_seconds == first.start_seconds


def test_a_canary_of_another_template_begins_again_and_another_pod_does_not(recorded: Recorded) -> None:
    past, release = recorded.past, ReleaseSeries("shop-plimsoll", "turns")
    for now, minutes in ((past, 20), (past - 26 * 60, 60)):
        found = periods_from_rules(recorded.prometheus, release, now, STEP, weights_are_recorded=False)
        assert found.since_seconds == pytest.approx(past - 60 * minutes + 2 * STEP, abs=STEP)


def test_a_canary_of_weight_0_is_none_to_judge(recorded: Recorded) -> None:
    release = ReleaseSeries("shop-plimsoll", "past")
    with pytest.raises(NoCanary, match="weight 0"):
        periods_from_rules(recorded.prometheus, release, recorded.past - 2.5 * HOUR, STEP)


def test_a_verdict_is_made_of_these_counts(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_periods, "LOOK_BACK_SECONDS", 3600.0)  # and points a second apart
    judge = RecordedJudge(recorded.prometheus, Rules(), interval_seconds=1.0, clock=lambda: recorded.period.end_seconds)
    answer = judge.answer(Question(ReleaseSeries("shop-plimsoll", "here"), weights_are_recorded=False))
    assert answer.verdict is not None
    assert 0 < answer.verdict.canary_requests <= recorded.canary
    assert {each.name for each in answer.verdict.checks} >= {"latency", "errors", "classes"}
