"""In every render, what selects pods of one track selects neither the other's nor the judge's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contracts.chart import EXAMPLES, needs_helm, objects, template

CANARY = {"canary": {"mode": "replicas", "replicas": 2, "model": {"version": "2"}}, "replicas": 2}
JUDGE = {"judge": {"enabled": True, "prometheusUrl": "http://prometheus.monitoring:9090"}}
BY_TRACK = {"Deployment", "PodDisruptionBudget", "Service"}
SELECTING = {"NetworkPolicy", "PodMonitor", *BY_TRACK}
"""Kinds of objects that select pods by labels."""
TRACKS, THE_JUDGE = {"plimsoll-stable", "plimsoll-canary"}, {"plimsoll-judge"}

Made = dict[str, Any]


def selector(made: Made) -> dict[str, str]:
    """The labels that a pod, or for a ServiceMonitor a Service, must have."""
    found: dict[str, Any] = made["spec"].get("selector") or made["spec"]["podSelector"]
    labels: dict[str, str] = found.get("matchLabels", found)
    return labels


def pods_of(made: list[Made]) -> dict[str, dict[str, str]]:
    """The labels of the pods of every Deployment, by its name."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in made
        if each["kind"] == "Deployment"
    }


def selected(made: Made, things: dict[str, dict[str, str]]) -> set[str]:
    """The names of those that have all the labels that an object selects by."""
    return {name for name, labels in things.items() if selector(made).items() <= labels.items()}


@needs_helm
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_each_pod_is_selected_by_its_track_alone(example: Path) -> None:
    # A canary by pods beside whatever the example has, unless that is a canary; it does not go with autoscalers.
    values = {} if "canary" in example.stem else CANARY
    options = (f"--values={example}", "--set=autoscaling.engine=none", "--skip-tests", "--kube-version=1.37")
    made = objects(template(*options, values=values))
    pods = pods_of(made)
    assert set(pods) - THE_JUDGE == TRACKS
    tracked = [each for each in made if each["kind"] in BY_TRACK and each["metadata"]["name"] in TRACKS]
    assert len(tracked) == 2 * len(BY_TRACK)
    for each in tracked:
        assert selected(each, pods) == {each["metadata"]["name"]}


@needs_helm
@pytest.mark.parametrize("monitor", ["podMonitor", "serviceMonitor"])
@pytest.mark.parametrize("name", ["", "judge", "plimsoll-judge"], ids=["the chart's name", "judge", "plimsoll-judge"])
def test_no_selector_matches_the_judge_and_a_track(name: str, monitor: str) -> None:
    values = {**CANARY, **JUDGE, "nameOverride": name, "fullnameOverride": "plimsoll"}
    made = objects(template(f"--set=monitoring.{monitor}.enabled=true", "--skip-tests", values=values))
    pods = pods_of(made)
    assert set(pods) == TRACKS | THE_JUDGE
    services = {each["metadata"]["name"]: each["metadata"]["labels"] for each in made if each["kind"] == "Service"}
    monitors = [each for each in made if each["kind"] == "ServiceMonitor"]
    selecting = [each for each in made if each["kind"] in SELECTING]
    assert {each["kind"] for each in selecting + monitors} == SELECTING - {"PodMonitor"} | {
        monitor[0].upper() + monitor[1:]
    }
    for each in selecting:
        of_the_judge = each["metadata"]["name"] in THE_JUDGE
        found = selected(each, pods)
        assert found == THE_JUDGE if of_the_judge else found and found <= TRACKS, each
    for each in monitors:
        of_the_judge = each["metadata"]["name"] in THE_JUDGE
        assert selected(each, services) == (THE_JUDGE if of_the_judge else {"plimsoll-metrics"})
