from __future__ import annotations

import msgspec
import numpy as np
import pytest
from plimsoll.rollout import prometheus_history as module
from plimsoll.rollout.guards import read_guards
from plimsoll.rollout.history import HistoryUnavailable, Period, Traffic
from plimsoll.rollout.prometheus import Grid, ReplyTooLong, Series
from plimsoll.rollout.prometheus_history import PrometheusHistory, grid_of, sampled
from plimsoll.rollout.prometheus_release import PART, ReleaseSeries

from tests.doubles.fake_prometheus import FakePrometheus, Value, constant, rising

SHOP = ReleaseSeries("shop", "prod")
START = 1_000_000.0
COUNTS = "plimsoll_requests_total"


def releasing(prometheus: FakePrometheus, track: str, requests: Value, **labels: str) -> None:
    """Let it know a pod that is scraped a second before each point."""
    of = {"service": f"shop-{track}", "pod": f"{track}-0", "instance": f"10.0.0.1:{track}", **labels}
    prometheus.add(COUNTS, requests, **of, **{PART: "requests"})
    prometheus.add(COUNTS, lambda at: at - 1, **of, **{PART: "read"})


def test_a_period_is_a_grid_of_whole_intervals_from_its_start() -> None:
    assert grid_of(Period(START, START + 100, None), 15, 1000) == Grid(START, 15, 7)
    assert grid_of(Period(START, START + 14, None), 15, 1000) is None
    assert grid_of(Period(START, START - 14, None), 15, 1000) is None
    assert grid_of(Period(START, START + 86_400, None), 15, 1000) == Grid(START, 120, 721)


def test_samples_that_are_no_numbers_are_dropped() -> None:
    samples = [(START, "1"), (START + 15, "NaN"), (START + 30, "+Inf"), (START + 60, "3")]
    series = Series({}, msgspec.Raw(msgspec.json.encode(samples)))
    np.testing.assert_array_equal(sampled(series, Grid(START, 15, 4)), [1, np.nan, np.nan, np.nan])


def test_both_tracks_are_read_by_one_query_for_each_period() -> None:
    prometheus = FakePrometheus()
    releasing(prometheus, "canary", lambda at: at - START)
    releasing(prometheus, "stable", lambda at: 3 * (at - START))
    reader = PrometheusHistory(prometheus.client(), SHOP)
    periods = [Period(START, START + 31, 0.25), Period(START + 60, START + 76, 0.5)]
    found = reader.read(periods, 15)
    assert [(each.weight, each.start_seconds - START) for each in found] == [(0.25, 0), (0.25, 15), (0.5, 60)]
    assert [each.canary[0].counts.requests for each in found] == [15, 15, 15]
    assert [each.stable[0].counts.requests for each in found] == [45, 45, 45]
    assert len(prometheus.asked) == 2
    assert 'namespace="prod", service=~"shop-(stable|canary)"' in prometheus.asked[0]["query"]


def test_a_pod_without_a_name_is_known_by_its_address() -> None:
    prometheus = FakePrometheus()
    releasing(prometheus, "stable", lambda at: at, pod="")
    (interval,) = PrometheusHistory(prometheus.client(), SHOP).read([Period(START, START + 15, None)], 15)
    assert interval.stable[0].pod == "10.0.0.1:stable"


def test_a_release_of_two_clusters_asks_for_the_cluster() -> None:
    prometheus = FakePrometheus()
    for cluster in ("one", "two"):
        releasing(prometheus, "stable", lambda at: at, cluster=cluster)
    with pytest.raises(HistoryUnavailable, match=r"of 2 clusters \(one, two\); choose one by --cluster"):
        PrometheusHistory(prometheus.client(), SHOP).read([Period(START, START + 15, None)], 15)
    PrometheusHistory(FakePrometheus().client(), ReleaseSeries("shop", "prod", "one"))


def test_a_reply_that_is_too_long_is_asked_for_with_fewer_points(monkeypatch: pytest.MonkeyPatch) -> None:
    prometheus = FakePrometheus()
    releasing(prometheus, "stable", lambda at: at)
    client, points = prometheus.client(), []
    plain = client.ask_range

    def ask_range(expr: str, grid: Grid) -> list[Series]:
        points.append(grid.points)
        if grid.points > 100:
            raise ReplyTooLong("it gives an answer of more than 8 MiB")
        return plain(expr, grid)

    monkeypatch.setattr(client, "ask_range", ask_range)
    reader = PrometheusHistory(client, SHOP)
    assert len(reader.read([Period(START, START + 15_000, None)], 15)) == 62
    assert points == [1001, 501, 251, 126, 63]
    monkeypatch.setattr(module, "MOST_POINTS", (1000,))
    with pytest.raises(HistoryUnavailable, match="more than 8 MiB; ask for a shorter time, or set a longer --interval"):
        reader.read([Period(START, START + 15_000, None)], 15)


def test_a_prometheus_without_the_release_says_what_it_knows() -> None:
    prometheus = FakePrometheus()
    reader = PrometheusHistory(prometheus.client(), SHOP)
    period = Period(START, START + 60, None)
    with pytest.raises(HistoryUnavailable, match="has no series of Plimsoll now"):
        reader.read([period], 15)
    prometheus.add("(plimsoll_build_info)", lambda _: 1, namespace="test", service="shop-stable")
    with pytest.raises(HistoryUnavailable, match="no series of release shop in namespace prod now; it has test/shop;"):
        reader.read([period], 15)
    with pytest.raises(HistoryUnavailable, match="it has test/shop;"):
        reader.traffic(300)


def test_a_release_that_was_not_scraped_then_has_empty_intervals() -> None:
    prometheus = FakePrometheus()
    prometheus.add("group by (cluster, namespace, service) (plimsoll_build_info{", lambda _: 1, service="shop-stable")
    reader = PrometheusHistory(prometheus.client(), SHOP)
    assert [(each.canary, each.stable) for each in reader.read([Period(START, START + 30, None)], 15)] == [((), ())] * 2
    assert reader.traffic(300) == Traffic(0.0)


def test_traffic_is_made_of_rates() -> None:
    prometheus = FakePrometheus()
    for part, value, edge in (
        ("all", 20, ""), ("stable", 16, ""), ("failed", 4, ""), ("within", 3, "0.1"), ("within", 12, "+Inf"),
    ):  # fmt: skip
        prometheus.add("rate(", constant(value), **{PART: part, "le": edge})
    traffic = PrometheusHistory(prometheus.client(), SHOP).traffic(300)
    assert traffic == Traffic(20.0, 0.25, {0.1: 0.75})
    assert "[300s]" in prometheus.asked[0]["query"]


def test_a_guard_is_asked_once_for_both_tracks() -> None:
    prometheus = FakePrometheus()
    for track in ("canary", "stable"):
        releasing(prometheus, track, lambda at: at)
        for kind, factor in (("good", 1), ("total", 2)):
            prometheus.add("paid_total", rising(factor), **{PART: f"{kind} {track}"})
    guards = read_guards(['sales=paid_total{t="$track",r="$release"}/all_total{t="$track"}'])
    (interval,) = PrometheusHistory(prometheus.client(), SHOP, guards).read([Period(START, START + 15, None)], 15)
    trials = [track[0].counts.guards["sales"] for track in (interval.canary, interval.stable)]
    assert [(each.total, each.bad) for each in trials] == [(30, 15), (30, 15)]
    assert 'paid_total{t="canary",r="shop"}' in prometheus.asked[1]["query"]
    assert len(prometheus.asked) == 2
