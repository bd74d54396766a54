"""The manifests for Argo Rollouts and Flagger are valid, and fit the judge that the chart makes of their values."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs
import pytest
import yaml

from tests.contracts.chart import needs_helm, objects, template
from tests.contracts.generated import REPOSITORY

FOLDER = REPOSITORY / "examples" / "rollouts"
SCHEMAS = REPOSITORY / "tests" / "contracts" / "controllers"
NAMESPACE = "shop"
IN = "kubernetes.io/metadata.name"

Made = dict[str, Any]


def manifests(name: str) -> list[Made]:
    """The objects of one of the manifests."""
    return [dict(each) for each in objects((FOLDER / name).read_text(encoding="utf-8"))]


def one(made: list[Made], kind: str, name: str | None = None) -> Made:
    """The only object of a kind, and of a name if that is given."""
    (found,) = (each for each in made if each["kind"] == kind and name in (None, each["metadata"]["name"]))
    return found


@cache
def rendered(values: str) -> list[Made]:
    """The objects that the chart makes of the values next to a manifest."""
    return objects(template(f"--values={FOLDER / values}", f"--namespace={NAMESPACE}", "--skip-tests"))


def problems(made: Made) -> list[str]:
    """Everything in an object that its controller would refuse or overlook."""
    group = made["apiVersion"].partition("/")[0]
    schema = yaml.safe_load((SCHEMAS / f"{group}.yaml").read_text(encoding="utf-8"))[made["kind"]]
    return [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(made)]


OF_CONTROLLERS = [
    each
    for name in ("argo-rollouts.yaml", "flagger.yaml")
    for each in manifests(name)
    if not each["apiVersion"].startswith("monitoring.coreos.com/")
]
ARGO, FLAGGER = manifests("argo-rollouts.yaml"), manifests("flagger.yaml")


@pytest.mark.parametrize("made", OF_CONTROLLERS, ids=lambda made: made["kind"])
def test_a_manifest_is_valid(made: Made) -> None:
    assert problems(made) == []


@pytest.mark.parametrize("made", OF_CONTROLLERS, ids=lambda made: made["kind"])
def test_a_misspelt_field_is_noticed(made: Made) -> None:
    for path in (["spec"], ["metadata"]):
        wrong = deepcopy(made)
        at: Any = wrong
        for key in path:
            at = at[key]
        at["misspelt"] = 1
        assert any("misspelt" in each for each in problems(wrong))


def test_a_wrong_step_and_a_wrong_hook_are_noticed() -> None:
    rollout, canary = deepcopy(one(ARGO, "Rollout")), deepcopy(one(FLAGGER, "Canary"))
    rollout["spec"]["strategy"]["canary"]["steps"][0] = {"setWeight": "a quarter"}
    canary["spec"]["analysis"]["webhooks"][0]["type"] = "confirm"
    assert problems(rollout)
    assert problems(canary)


@needs_helm
@pytest.mark.parametrize("controller", ["argo", "flagger"])
def test_the_judge_of_the_values_is_the_one_that_is_asked(controller: str) -> None:
    made, urls = rendered(f"{controller}-values.yaml"), urls_of(ARGO if controller == "argo" else FLAGGER)
    judge = one(made, "Service", "plimsoll-judge")
    (port,) = judge["spec"]["ports"]
    assert urls
    for url in urls:
        assert url.netloc == f"plimsoll-judge.{NAMESPACE}:{port['port']}"


def urls_of(made: list[Made]) -> list[Any]:
    """The addresses of the judge in a manifest."""
    texts = yaml.safe_dump_all(made, width=1000).split()
    return [urlsplit(text) for text in texts if text.startswith("http://plimsoll-judge")]


@needs_helm
@pytest.mark.parametrize(("controller", "namespace"), [("argo", "argo-rollouts"), ("flagger", "flagger-system")])
def test_the_controller_may_ask_the_judge(controller: str, namespace: str) -> None:
    policy = one(rendered(f"{controller}-values.yaml"), "NetworkPolicy", "plimsoll-judge")
    (rule,) = policy["spec"]["ingress"]
    assert {"namespaceSelector": {"matchLabels": {IN: namespace}}} in rule["from"]


@needs_helm
def test_argo_runs_the_chart_s_pods_and_tells_the_tracks_apart() -> None:
    made, spec = rendered("argo-values.yaml"), one(ARGO, "Rollout")["spec"]
    deployment = one(made, spec["workloadRef"]["kind"], spec["workloadRef"]["name"])
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    canary = spec["strategy"]["canary"]
    assert deployment["spec"]["replicas"] == 0, "or two controllers would run its pods"
    for track in ("stable", "canary"):
        changed = labels | canary[f"{track}Metadata"]["labels"]
        assert changed["plimsoll.dev/track"] == track
        assert spec["selector"]["matchLabels"].items() <= changed.items(), "a ReplicaSet must select its own pods"
        assert one(made, "Service", "plimsoll")["spec"]["selector"].items() <= changed.items()


def test_argo_goes_on_at_pass_aborts_at_fail_and_waits_otherwise() -> None:
    (metric,) = one(ARGO, "AnalysisTemplate")["spec"]["metrics"]
    assert (metric["successCondition"], metric["failureCondition"]) == ('result == "pass"', 'result == "fail"')
    assert (metric["consecutiveSuccessLimit"], metric["failureLimit"]) == (1, 0)
    assert metric["inconclusiveLimit"] > 1, "with 0 the first `continue` would pause the rollout"
    assert metric["count"] == metric["inconclusiveLimit"], (
        "a step refuses an analysis without a count, or with a lower one"
    )
    assert metric["provider"]["web"]["jsonPath"] == "{$.result}"
    asked = parse_qs(urlsplit(metric["provider"]["web"]["url"]).query)
    assert asked == {"release": ["plimsoll"], "namespace": [NAMESPACE], "split": ["unknown"]}
    steps = one(ARGO, "Rollout")["spec"]["strategy"]["canary"]["steps"]
    templates = [name["templateName"] for step in steps if "analysis" in step for name in step["analysis"]["templates"]]
    assert set(templates) == {one(ARGO, "AnalysisTemplate")["metadata"]["name"]}


def test_each_hook_of_flagger_asks_for_its_own_answer() -> None:
    hooks = one(FLAGGER, "Canary")["spec"]["analysis"]["webhooks"]
    assert {each["type"] for each in hooks} == {"rollback", "confirm-traffic-increase", "confirm-promotion"}
    for each in hooks:
        assert urlsplit(each["url"]).path == f"/flagger/{each['type']}"
        assert each["metadata"]["release"] == "plimsoll"


@needs_helm
def test_flagger_s_target_is_the_chart_s_and_its_service_is_not() -> None:
    made, spec = rendered("flagger-values.yaml"), one(FLAGGER, "Canary")["spec"]
    assert one(made, "Deployment", spec["targetRef"]["name"])
    assert spec["service"]["name"] not in {each["metadata"]["name"] for each in made if each["kind"] == "Service"}
    assert not [each for each in made if each["kind"] == "PodMonitor"], "each pod would be scraped twice"


@needs_helm
@pytest.mark.parametrize(("name", "track"), [("plimsoll", "canary"), ("plimsoll-primary", "stable")])
def test_flagger_s_pods_are_labelled_as_tracks(name: str, track: str) -> None:
    monitor = one(FLAGGER, "PodMonitor", "plimsoll-by-flagger")["spec"]
    (among,) = monitor["selector"]["matchExpressions"]
    assert name in among["values"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    labels = {"job": "shop/plimsoll-by-flagger"}
    for rule in endpoint["relabelings"]:
        if name == rule.get("regex", name):
            labels[rule["targetLabel"]] = rule["replacement"]
    assert labels == {"job": "plimsoll", "track": track, "service": f"plimsoll-{track}"}


def test_flagger_reads_the_verdict_that_the_judge_exports() -> None:
    query = one(FLAGGER, "MetricTemplate")["spec"]["query"]
    assert 'plimsoll_canary_verdict{namespace="shop", release="plimsoll", result="fail"}' in query
    assert "or vector(0)" in query, "Flagger takes a metric without a value for a failed check"
