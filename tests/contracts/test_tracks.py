"""In every render, what selects pods of one track selects none of the other's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contracts.chart import EXAMPLES, needs_helm, objects, template

CANARY = {"canary": {"mode": "replicas", "replicas": 2, "model": {"version": "2"}}, "replicas": 2}
BY_TRACK = {"Deployment", "PodDisruptionBudget", "Service"}


def selector(made: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = made["spec"]["selector"]
    return found.get("matchLabels", found)  # type: ignore[return-value]


@needs_helm
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_each_pod_is_selected_by_its_track_alone(example: Path) -> None:
    # A canary by pods beside whatever the example has, unless that is a canary; it does not go with autoscalers.
    values = {} if "canary" in example.stem else CANARY
    options = (f"--values={example}", "--set=autoscaling.engine=none", "--skip-tests", "--kube-version=1.37")
    made = objects(template(*options, values=values))
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in made
        if each["kind"] == "Deployment"
    }
    assert set(pods) == {"plimsoll-stable", "plimsoll-canary"}
    tracked = [each for each in made if each["kind"] in BY_TRACK and each["metadata"]["name"] in pods]
    assert len(tracked) == 2 * len(BY_TRACK)
    for each in tracked:
        selected = [name for name, labels in pods.items() if selector(each).items() <= labels.items()]
        assert selected == [each["metadata"]["name"]]
