from __future__ import annotations

from collections.abc import Callable

import pytest
from plimsoll.rollout import prometheus_periods as module
from plimsoll.rollout.history import HistoryUnavailable, Period
from plimsoll.rollout.prometheus_periods import NoCanary, RecordedRollout, periods_from_rules
from plimsoll.rollout.prometheus_release import PART, ReleaseSeries

from tests.doubles.fake_prometheus import FakePrometheus, Value, constant

NOW = 1_000_005.0
AGO = 999_990.0
"""The last multiple of 15 seconds before now, at which the history is read last."""
SHOP = ReleaseSeries("shop", "prod")
Weight = Callable[[float], float | None]


def releasing(weight: Weight, version: Callable[[float], str | None] = lambda _: "2") -> FakePrometheus:
    """A Prometheus that knows the weight and the version of the canary, both by the seconds since then."""
    prometheus = FakePrometheus()
    prometheus.add("plimsoll:canary_weight:ratio", lambda at: weight(AGO - at), **{PART: "weight"})
    for name in ("1", "2", "3"):
        of = {PART: "model", "model": "digits", "version": name, "digest": name}
        prometheus.add("plimsoll_model_info", shown_while(version, name), **of)
    prometheus.add("plimsoll_build_info", lambda _: 1, **{PART: "image", "version": "1.0", "service": "shop-canary"})
    return prometheus


@pytest.fixture(autouse=True)
def _two_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_BACK_SECONDS", 7200.0)


def shown_while(version: Callable[[float], str | None], name: str) -> Value:
    return lambda at: 1 if version(AGO - at) == name else None


def rollout(prometheus: FakePrometheus, *, recorded: bool = True) -> RecordedRollout:
    return periods_from_rules(prometheus.client(), SHOP, NOW, 15, weights_are_recorded=recorded)


def test_each_weight_is_a_period_without_what_is_near_a_change() -> None:
    found = rollout(releasing(lambda ago: 0.0 if ago > 3600 else 0.05 if ago > 1800 else 0.25))
    assert found.periods == (
        Period(AGO - 3600 + 30, AGO - 1815 - 120, 0.05),
        Period(AGO - 1800 + 30, NOW - 120, 0.25),
    )
    assert (found.since_seconds, found.step_start_seconds) == (AGO - 3570, AGO - 1770)


def test_a_change_is_seen_at_the_same_time_by_a_later_look() -> None:
    prometheus = releasing(lambda ago: 0.0 if ago > 3600 else 0.05)
    later = periods_from_rules(prometheus.client(), SHOP, NOW + 7, 15)
    assert later.since_seconds == rollout(prometheus).since_seconds


def test_a_weight_that_is_too_young_has_no_period_yet() -> None:
    found = rollout(releasing(lambda ago: 0.0 if ago > 60 else 0.05))
    assert (found.periods, found.step_start_seconds) == ((), AGO - 30)


def test_another_version_begins_again() -> None:
    found = rollout(releasing(lambda _: 0.25, lambda ago: "1" if ago > 900 else "2"))
    assert [each.start_seconds for each in found.periods] == [AGO - 870]


def pods_of(template: Callable[[float], str | None]) -> FakePrometheus:
    """A Prometheus that knows the template of the canary's pods, by the seconds since then; the model stays."""
    prometheus = releasing(lambda ago: 0.25 if template(ago) else None, lambda ago: template(ago) and "2")
    prometheus.known = [each for each in prometheus.known if each[0] != "plimsoll_build_info"]
    for name in ("shop-canary-66bfd8f-", "shop-canary-7d9cf5-"):
        of = {PART: "image", "version": "1.0", "pod_template": name}
        prometheus.add("plimsoll_build_info", shown_while(template, name), **of)
    return prometheus


@pytest.mark.parametrize("recorded", [True, False])
def test_another_canary_of_the_same_model_begins_again(recorded: bool) -> None:
    def template(ago: float) -> str | None:
        return "shop-canary-66bfd8f-" if ago > 900 else None if ago > 600 else "shop-canary-7d9cf5-"

    assert [each.start_seconds for each in rollout(pods_of(template), recorded=recorded).periods] == [AGO - 570]


@pytest.mark.parametrize("recorded", [True, False])
def test_another_pod_of_the_same_canary_does_not(recorded: bool) -> None:
    (period,) = rollout(
        pods_of(lambda ago: None if 600 < ago <= 900 else "shop-canary-7d9cf5-"), recorded=recorded
    ).periods
    assert period.start_seconds == pytest.approx(AGO - 7200 + 30, abs=15)


def test_two_versions_at_a_time_begin_again() -> None:
    prometheus = releasing(lambda _: 0.25)
    of = {PART: "model", "model": "digits", "version": "1", "digest": "1"}
    prometheus.add("plimsoll_model_info", lambda at: 1 if AGO - at > 600 else None, **of)
    assert [each.start_seconds for each in rollout(prometheus).periods] == [AGO - 570]


def test_a_short_time_without_a_canary_goes_on_and_a_long_one_begins_again() -> None:
    for gap, start in ((300, 7200), (900, 1000)):

        def gone(ago: float, gap: int = gap) -> bool:
            return 1000 < ago < 1000 + gap

        found = rollout(releasing(lambda ago: None if gone(ago) else 0.25, lambda ago: None if gone(ago) else "2"))
        assert found.since_seconds == pytest.approx(AGO - start + 30, abs=15)


def test_an_unknown_split_has_one_period_up_to_now() -> None:
    for weight in (0.0, 0.3, None):
        found = rollout(releasing(constant(weight), lambda ago: "1" if ago > 900 else "2"), recorded=False)
        assert found.periods == (Period(AGO - 870, NOW, None),)
        assert found.step_start_seconds == AGO - 870


def test_an_unknown_split_of_a_canary_that_has_just_come_has_none() -> None:
    assert rollout(releasing(lambda _: 0.1, lambda ago: "2" if ago < 15 else None), recorded=False).periods == ()


def test_a_canary_of_weight_0_is_none() -> None:
    with pytest.raises(NoCanary, match=r"has weight 0; .* ask with split=unknown"):
        rollout(releasing(lambda ago: 0.0 if ago < 60 else 0.25))


def test_rules_that_are_not_installed_are_named() -> None:
    weights: list[Weight] = [constant(None), lambda ago: 0.25 if ago > 900 else None]
    for weight in weights:
        with pytest.raises(
            HistoryUnavailable, match=r"\(plimsoll:canary_weight:ratio\): set monitoring.rules.enabled=true"
        ):
            rollout(releasing(weight))


def test_a_release_without_a_canary_has_none() -> None:
    with pytest.raises(NoCanary, match="release shop in namespace prod has no canary now"):
        rollout(releasing(lambda _: None, lambda ago: "2" if ago > 900 else None))


def test_a_prometheus_without_the_release_says_so() -> None:
    with pytest.raises(HistoryUnavailable, match="has no series of Plimsoll now"):
        rollout(FakePrometheus())


def test_two_clusters_are_refused() -> None:
    prometheus = FakePrometheus()
    for cluster in ("one", "two"):
        prometheus.add("plimsoll_model_info", lambda _: 1, **{PART: "model", "cluster": cluster})
    with pytest.raises(HistoryUnavailable, match="choose one by --cluster"):
        rollout(prometheus)
