from __future__ import annotations

from dataclasses import replace

import pytest
from plimsoll.rollout.forecasting import planned_steps, refusal, refusal_by
from plimsoll.rollout.history import HistoryUnavailable, Traffic
from plimsoll.rollout.plan import promotion_begins, stages
from plimsoll.rollout.state import Record

from tests.doubles.rollout_session import Session

SLOWER = {0.01: 0.6, 0.025: 0.3, 0.05: 0.1, 0.1: 0.02}


def test_each_judged_step_has_pods_requests_and_time() -> None:
    plan, _ = Session().planning()()
    steps = planned_steps(plan, Traffic(20.0, 0.005, SLOWER))
    assert [(step.stage.weight, step.pods) for step in steps] == [(5, 1), (25, 1), (50, 2)]
    seconds = [step.forecast.seconds or 0 for step in steps]
    assert seconds[0] > seconds[1] > 0


def test_a_step_is_refused_if_it_takes_longer_than_it_may() -> None:
    plan, _ = Session().planning()()
    first = stages(plan, "forward")[2]
    assert refusal(plan, first, Traffic(20.0, 0.005, SLOWER)) == ""
    said = refusal(plan, first, Traffic(0.5, 0.005, SLOWER))
    assert "step `weight 5` cannot decide within 60 minutes" in said
    assert "requests per second would be enough, or --max-step-minutes" in said
    longer = replace(plan, step_seconds=float(said.split("--max-step-minutes ")[1].split(",")[0]) * 60)
    assert refusal(longer, first, Traffic(0.5, 0.005, SLOWER)) == ""


@pytest.mark.parametrize(
    ("traffic", "sentence"),
    [(Traffic(0.0), "got no requests in the last 5 minutes"), (Traffic(20.0), "lie within one bucket")],
)
def test_a_step_that_can_never_decide_is_refused_with_the_reason(traffic: Traffic, sentence: str) -> None:
    plan, _ = Session().planning()()
    assert sentence in refusal(plan, stages(plan, "forward")[2], traffic)


def test_only_a_rollout_that_begins_needs_prometheus_for_it() -> None:
    session = Session()
    plan, revision = session.planning()()
    session.history.down_until = 1e9
    record = Record("x", plan, revision)
    refused = refusal_by(session.history)
    with pytest.raises(HistoryUnavailable):
        refused(record, stages(plan, "forward")[2])
    later = replace(record, position=promotion_begins(plan) - 1, progress="watching")
    assert refused(later, stages(plan, "forward")[2]) == ""
