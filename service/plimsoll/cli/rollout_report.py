"""Prints the plan of a rollout, its commands, and where it stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import typer

from plimsoll.rollout.forecasting import TRAFFIC_SECONDS, PlannedStep, planned_steps, refusal
from plimsoll.rollout.helm import HelmRelease
from plimsoll.rollout.history import Traffic
from plimsoll.rollout.plan import Plan
from plimsoll.rollout.rehearsal import Rehearsed, rehearse
from plimsoll.rollout.release_values import Values
from plimsoll.rollout.state import Record, Stored


def print_commands(plan: Plan, values: Values, release: HelmRelease, *, as_json: bool) -> None:
    """Print the helm commands of a promotion and of a rollback, those alone that change something."""
    for route, changes in zip(("promotion", "rollback"), rehearse(plan, values), strict=True):
        listed = [each for each in changes if each.changes]
        if as_json:
            for each in listed:
                _json({"event": "command", "route": route, "stage": each.stage.name, "values": each.changes})
            continue
        title = "The promotion:" if route == "promotion" else "A rollback in the last step before it:"
        typer.echo(title)
        for each in listed:
            typer.echo(f"  # {each.stage.name}{_judged(each)}\n  {release.command(each.changes)}")


def print_plan(plan: Plan, traffic: Traffic, *, as_json: bool) -> None:
    """Print the steps with their pods, requests and minutes at the present rate."""
    steps = planned_steps(plan, traffic)
    if as_json:
        for step in steps:
            _json({"event": "plan", "refused": refusal(plan, step.stage, traffic), **_facts(plan, step)})
        return
    typer.echo(
        f"{plan.release} in {plan.namespace}, mode {plan.mode}, {traffic.requests_per_second:.3g} requests per second "
        f"in the last {TRAFFIC_SECONDS / 60:.0f} minutes"
    )
    typer.echo(f"{'step':24} {'of the requests':>15} {'pods':>5} {'requests of the canary':>23} {'minutes':>8}")
    for step in steps:
        facts = _facts(plan, step)
        needed, minutes = (_number(facts[name]) for name in ("canary_requests", "minutes"))
        typer.echo(f"{step.stage.name:24} {facts['percent']:13.0f} % {step.pods:5} {needed:>23} {minutes:>8}")
        if refused := refusal(plan, step.stage, traffic):
            typer.echo(f"  {refused}")
    typer.echo("then the promotion: all pods get the canary's version, and the canary is removed")


def print_status(stored: Stored, *, as_json: bool, driver: str) -> None:
    """Print where a rollout stands, as its record says."""
    record = stored.record
    facts: dict[str, Any] = {
        "release": record.plan.release,
        "namespace": record.plan.namespace,
        "outcome": record.outcome or ("held" if record.held else "under way"),
        "route": record.route,
        "stage": record.stage.name,
        "weight": record.weight,
        "since": _time(record.since_seconds),
        "reason": record.reason,
        "wish": stored.wish or "",
        "driver": driver,
        "revision": record.revision,
    }
    if as_json:
        _json({"event": "status", **facts})
        return
    for name, value in facts.items():
        if value != "":
            typer.echo(f"{name:10} {value}")
    typer.echo(_advice(record, driver))


def _advice(record: Record, driver: str) -> str:
    if record.ended:
        return "nothing is under way; `plimsoll rollout run` begins the next rollout"
    if record.held:
        return "a person decides: `plimsoll rollout step` goes on, `promote` promotes, `abort` rolls back"
    return "a driver is at work" if driver else "no driver is at work; `plimsoll rollout run` goes on"


def _facts(plan: Plan, step: PlannedStep) -> dict[str, Any]:
    seconds = step.forecast.seconds
    return {
        "step": step.stage.name,
        "percent": 100 * (step.stage.share or 0),
        "pods": step.pods,
        "canary_requests": step.forecast.canary_requests,
        "minutes": None if seconds is None else (seconds + plan.settle_seconds) / 60,
    }


def _judged(rehearsed: Rehearsed) -> str:
    return "; then the judge decides" if rehearsed.stage.share is not None else ""


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.0f}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _json(facts: dict[str, Any]) -> None:
    typer.echo(json.dumps(facts))
