from __future__ import annotations

import httpx
import pytest
from plimsoll.errors import OperatorError
from plimsoll.rollout.prometheus import Prometheus
from plimsoll.rollout.prometheus_facts import check_scrapes, has_rules, offset_seconds
from plimsoll.rollout.prometheus_release import ReleaseSeries

from tests.doubles.rollout_pods import START, FakeTime

SERIES = ReleaseSeries("web", "models")


def prometheus(kind: str, result: object) -> Prometheus:
    """One that gives every query the same answer."""
    body = {"status": "success", "data": {"resultType": kind, "result": result}}
    return Prometheus("http://prometheus:9090", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body)))


def test_its_clock_may_be_ahead() -> None:
    found = prometheus("vector", [{"metric": {}, "value": [START + 90, "1"]}])
    assert offset_seconds(found, FakeTime()) == pytest.approx(90)


def test_an_interval_shorter_than_the_scrapes_is_refused() -> None:
    values = [[START + 30 * place, "1"] for place in range(5)]
    found = prometheus("matrix", [{"metric": {}, "values": values}])
    check_scrapes(found, SERIES, 30)
    with pytest.raises(OperatorError, match="scrapes the pods of web every 30 s; expected 30 s or more"):
        check_scrapes(found, SERIES, 15)
    check_scrapes(prometheus("matrix", []), SERIES, 1)


def test_it_has_the_rules_or_not() -> None:
    assert has_rules(prometheus("vector", [{"metric": {}, "value": [START, "0.01"]}]), SERIES)
    assert not has_rules(prometheus("vector", []), SERIES)
