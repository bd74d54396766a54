"""The autoscalers ask for what the adapter passes on, and that is what the rules record."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.contracts.adapter import ADAPTER, adapter_rules
from tests.contracts.alerts.rules import rule_expressions
from tests.contracts.chart import EXAMPLES, needs_helm, objects, template

VALUES = {
    "autoscaling": {"engine": "prometheusAdapter"},
    "canary": {"mode": "gatewayAPI", "model": {"version": "2"}},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]},
    "auth": {"existingSecret": "keys"},
    "networkPolicy": {"enabled": False},
}


def test_the_config_map_says_what_the_values_say() -> None:
    document = yaml.safe_load((ADAPTER / "prometheus-adapter-config.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load(document["data"]["config.yaml"])["rules"] == adapter_rules()


def test_the_adapter_passes_recorded_values_on_as_they_are() -> None:
    recorded = {name for kind, name, _ in rule_expressions() if kind == "record"}
    for rule in adapter_rules():
        assert re.match(r"[a-z0-9_:]+", rule["seriesQuery"])[0] in recorded  # type: ignore[index]
        assert rule["metricsQuery"] == "sum by (<<.GroupBy>>) (<<.Series>>{<<.LabelMatchers>>})"


@needs_helm
@pytest.mark.parametrize("engine", ["cpu", "prometheusAdapter"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_no_example_says_a_number_of_pods_beside_an_autoscaler(example: Path, engine: str) -> None:
    made = objects(template("--skip-tests", f"--values={example}", f"--set=autoscaling.engine={engine}"))
    tracks = [
        each for each in made if each["kind"] == "Deployment" and "plimsoll.dev/track" in each["metadata"]["labels"]
    ]
    assert {each["spec"].get("replicas", "none") for each in tracks} == {"none"}


@needs_helm
def test_each_track_has_an_autoscaler_of_its_own_and_no_number_of_pods() -> None:
    made = objects(template("--skip-tests", values=VALUES))
    scalers = {each["metadata"]["name"]: each for each in made if each["kind"] == "HorizontalPodAutoscaler"}
    deployments = {each["metadata"]["name"]: each for each in made if each["kind"] == "Deployment"}
    assert set(scalers) == set(deployments) == {"plimsoll-stable", "plimsoll-canary"}
    assert [name for name, each in deployments.items() if "replicas" in each["spec"]] == []
    passed_on = {rule["name"]["as"] for rule in adapter_rules()}
    for name, scaler in scalers.items():
        assert scaler["spec"]["scaleTargetRef"]["name"] == name
        asked = [each["object"] for each in scaler["spec"]["metrics"] if each["type"] == "Object"]
        assert {each["metric"]["name"] for each in asked} == passed_on
        assert {each["describedObject"]["name"] for each in asked} == {name}
