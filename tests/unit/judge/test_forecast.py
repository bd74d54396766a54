from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from plimsoll.judge.forecast import Expected, Forecast, forecast
from plimsoll.judge.rules import Rules

EDGES = (0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0)
SLOWER = {edge: 1 - NormalDist(np.log(0.06), 0.6).cdf(np.log(edge)) for edge in EDGES}
USUAL = Expected(requests_per_second=20, weight=0.1, failed=0.0, slower=SLOWER)
RULES = Rules(failures=0.2)
"""With which slowness needs more requests than failures."""


def requests(expected: Expected = USUAL, rules: Rules = RULES) -> float:
    found = forecast(expected, rules).canary_requests
    assert found is not None
    return found


def test_seconds_are_requests_by_the_rate_of_the_canary() -> None:
    found = forecast(USUAL, RULES)
    assert found.seconds == pytest.approx(requests() / (20 * 0.1))
    assert forecast(replace(USUAL, requests_per_second=0.0), RULES) == Forecast(found.canary_requests, None)


def test_less_has_to_be_counted_for_more() -> None:
    assert requests(rules=replace(RULES, effect=0.3)) > 2 * requests(rules=replace(RULES, effect=0.5))
    assert (
        requests(rules=replace(RULES, power=0.95))
        > requests(rules=replace(RULES, power=0.8))
        > requests(rules=replace(RULES, power=0.3))
    )
    assert requests(rules=replace(RULES, alpha=0.001)) > requests()
    assert requests(rules=replace(RULES, guards=("a", "b"))) > requests()
    assert requests(rules=replace(RULES, margin=0.3)) > requests()
    assert requests(rules=RULES.between_pods()) > requests()


def test_a_larger_weight_needs_more_of_the_canary_and_less_time() -> None:
    small, large = (forecast(replace(USUAL, weight=weight), RULES) for weight in (0.05, 0.5))
    assert (small.canary_requests or 0) < (large.canary_requests or 0)
    assert (small.seconds or 0) > (large.seconds or 0)


def test_clusters_need_as_many_times_more() -> None:
    clusters = replace(USUAL, dispersion=dict.fromkeys(EDGES, 3.0))
    assert requests(clusters) == pytest.approx(3 * requests())
    at_one_edge = replace(USUAL, dispersion={0.1: 3.0})
    assert requests() <= requests(at_one_edge) < 3 * requests()


def test_failures_need_more_than_slowness_where_stable_fails_too() -> None:
    of_slowness = requests()
    found = [requests(replace(USUAL, failed=failed), Rules()) for failed in (0.0, 0.01, 0.05)]
    assert of_slowness < found[0] < found[1] < found[2]
    failing = replace(USUAL, failed=0.01)
    assert requests(failing, Rules(failures=0.9)) == pytest.approx(requests(rules=Rules(failures=0.9)))
    assert requests(replace(failing, failed_dispersion=2.0), Rules()) == pytest.approx(2 * found[1])


@pytest.mark.parametrize(
    "impossible",
    [
        replace(USUAL, weight=0.0),
        replace(USUAL, weight=1.0),
        replace(USUAL, slower={}),
        replace(USUAL, slower={0.1: 1.0, 0.25: 0.0}),
        replace(USUAL, slower={0.1: 0.5}),
        replace(USUAL, slower={0.0: 0.5, float("inf"): 0.2}),
    ],
)
def test_no_number_is_given_where_none_can(impossible: Expected) -> None:
    assert forecast(impossible, RULES) == Forecast(None, None)
