from __future__ import annotations

import httpx
import pytest
from plimsoll.errors import OperatorError
from plimsoll.rollout.guard_series import check_guards
from plimsoll.rollout.guards import read_guards
from plimsoll.rollout.prometheus import Prometheus
from plimsoll.rollout.prometheus_release import PART, ReleaseSeries

from tests.doubles.fake_prometheus import FakePrometheus, constant

SERIES = ReleaseSeries("web", "models")
GUARDS = read_guards(['sales=paid{track="$track"}/orders{track="$track"}', "seen=seen{t=$track}/shown{t=$track}"])
COUNTERS = {"paid": "good", "orders": "total", "seen": "good", "shown": "total"}


def counting(*counters: str) -> FakePrometheus:
    """A Prometheus that has series of these counters."""
    prometheus = FakePrometheus()
    for counter in counters:
        prometheus.add(f"{counter}{{", constant(0.0), **{PART: COUNTERS[counter]})
    return prometheus


def test_guards_whose_counters_stable_has_are_taken() -> None:
    prometheus = counting(*COUNTERS)
    check_guards(prometheus.client(), SERIES, GUARDS)
    assert len(prometheus.asked) == 2
    assert all("canary" not in asked["query"] for asked in prometheus.asked)


@pytest.mark.parametrize("missing", COUNTERS)
def test_a_guard_without_numbers_of_stable_is_refused_by_name(missing: str) -> None:
    prometheus = counting(*(each for each in COUNTERS if each != missing))
    with pytest.raises(
        OperatorError, match=rf"no series of stable now for its {COUNTERS[missing]}, {missing}{{"
    ) as hit:
        check_guards(prometheus.client(), SERIES, GUARDS)
    assert f"the guard {'sales' if missing in ('paid', 'orders') else 'seen'} would never decide" in hit.value.message


def test_an_expression_that_prometheus_refuses_is_refused() -> None:
    body = {"status": "error", "error": "1:5: parse error"}
    refusing = httpx.MockTransport(lambda _: httpx.Response(400, json=body))
    with pytest.raises(OperatorError, match="expressions of the guard sales: 1:5: parse error; correct its --guard"):
        check_guards(Prometheus("http://prometheus:9090", transport=refusing), SERIES, GUARDS)
