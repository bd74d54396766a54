"""Forecasts how long each step of a rollout takes, and refuses one that cannot decide in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.judge.forecast import Expected, Forecast, forecast
from plimsoll.rollout.history import History, HistoryUnavailable, Traffic
from plimsoll.rollout.plan import Plan, Stage, stages
from plimsoll.rollout.state import Record

TRAFFIC_SECONDS = 300.0
"""The time over which the present rate is taken."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step that the judge decides, with its forecast; `None` where no number can be given."""

    stage: Stage
    pods: int
    forecast: Forecast


def planned_steps(plan: Plan, traffic: Traffic) -> tuple[PlannedStep, ...]:
    """The steps of a rollout with their forecasts at the present rate."""
    steps = []
    for stage in stages(plan, "forward"):
        if stage.share is not None:
            pods = stage.pods or max(plan.fewest_pods, -(-plan.stable_pods * stage.weight // 100))
            steps.append(PlannedStep(stage, pods, forecast_of(plan, stage, traffic)))
    return tuple(steps)


def forecast_of(plan: Plan, stage: Stage, traffic: Traffic) -> Forecast:
    """The requests of the canary and the seconds that a step takes at the present rate."""
    rules = plan.rules.between_pods() if plan.mode == "replicas" else plan.rules
    expected = Expected(traffic.requests_per_second, stage.share or 0.0, traffic.failed, traffic.slower)
    return forecast(expected, rules)


def refusal(plan: Plan, stage: Stage, traffic: Traffic) -> str:
    """A sentence if a step cannot decide within its longest time at the present rate; else empty."""
    found = forecast_of(plan, stage, traffic)
    minutes = plan.step_seconds / 60
    if traffic.requests_per_second <= 0:
        return (
            f"step `{stage.name}` cannot decide: release {plan.release} got no requests in the last "
            f"{TRAFFIC_SECONDS / 60:.0f} minutes, and without requests there is nothing to compare; start when it has "
            "some"
        )
    if found.seconds is None or found.canary_requests is None:
        return (
            f"step `{stage.name}` cannot decide: the durations of stable lie within one bucket of its histogram, or "
            "too few were answered; set serving.objectiveMs near the p95, or wait for requests"
        )
    if found.seconds + plan.settle_seconds <= plan.step_seconds:
        return ""
    rate = traffic.requests_per_second * found.seconds / max(1.0, plan.step_seconds - plan.settle_seconds)
    return (
        f"step `{stage.name}` cannot decide within {minutes:.0f} minutes: it takes {found.canary_requests:.0f} "
        f"requests of the canary, about {found.seconds / 60:.0f} minutes at {traffic.requests_per_second:.3g} requests "
        f"per second. {rate:.3g} requests per second would be enough, or --max-step-minutes "
        f"{(found.seconds + plan.settle_seconds) / 60 + 1:.0f}, a larger first weight, or a larger --effect"
    )


def refusal_by(history: History) -> Callable[[Record, Stage], str]:
    """The refusal at the rate that a Prometheus has; none during a rollout while Prometheus does not answer."""

    def refused(record: Record, stage: Stage) -> str:
        try:
            traffic = history.traffic(TRAFFIC_SECONDS)
        except HistoryUnavailable:
            if record.position == 0 and record.progress == "new":
                raise
            return ""
        return refusal(record.plan, stage, traffic)

    return refused
