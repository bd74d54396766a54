"""What the chart refuses, and in which words: the schema by value, the templates by what does not go together."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contracts.chart import CHART, EXAMPLES, needs_helm, objects, template
from tests.contracts.generated import REPOSITORY
from tests.e2e.test_examples import NEEDS

WRONG: list[tuple[str, object, str]] = [
    ("replicaCount", 2, "replicaCount"),
    ("image.tagg", "cpu", "tagg"),
    ("image.repository", "", "image/repository"),
    ("image.repository", "Registry/with space", "image/repository"),
    ("image.tag", "a b", "image/tag"),
    ("image.tag", 20260101, "at '/image/tag': got number, want string"),
    ("image.tag", 1.5, "at '/image/tag': got number, want string"),
    ("image.digest", "sha256:abc", "image/digest"),
    ("image.digest", "latest", "image/digest"),
    ("image.pullPolicy", "Sometimes", "image/pullPolicy"),
    ("imagePullSecrets", ["registry"], "imagePullSecrets/0"),
    ("model.source", "bucket", "model/source"),
    ("model.name", "Digits", "model/name"),
    ("model.name", "../digits", "model/name"),
    ("model.version", "latest", 'model.version is "latest", but it must be one to four numbers'),
    ("model.version", "1.2.3.4.5", 'model.version is "1.2.3.4.5", but it must be one to four numbers'),
    ("model.version", 2, "at '/model/version': got number, want string"),
    ("model.pvc.claimName", "Models", "model/pvc/claimName"),
    ("model.pvc.folder", "/models", "model/pvc/folder"),
    ("model.pvc.folder", "../other", "model/pvc/folder"),
    ("serving.objectiveMs", 0, "serving/objectiveMs"),
    ("serving.objectiveMs", "soon", 'serving.objectiveMs is "soon", but it must be a number from 0 to 600000'),
    ("tracing.ratio", "1.5", 'tracing.ratio is "1.5", but it must be a number from 0 to 1'),
    ("monitoring.rules.latencyObjective", "93.05", 'is "93.05", but it must be a number from 93.06 to 99.9999'),
    ("resources.limits", {"memory": "lots"}, "resources/limits/memory"),
    ("serving.objectiveMs", -5, "serving/objectiveMs"),
    ("serving.concurrency", 0, "serving/concurrency"),
    ("serving.queueLimit", -1, "serving/queueLimit"),
    ("serving.maxBatchRows", 5000, "serving/maxBatchRows"),
    ("serving.maxWaitMs", -1, "serving/maxWaitMs"),
    ("serving.requestTimeoutMs", 0, "serving/requestTimeoutMs"),
    ("serving.torchThreads", 1.5, "serving/torchThreads"),
    ("serving.maxBodyBytes", 1, "serving/maxBodyBytes"),
    ("serving.logLevel", "verbose", "serving/logLevel"),
    ("tracing.endpoint", "collector:4318", "tracing/endpoint"),
    ("tracing.ratio", 1.5, "tracing/ratio"),
    ("tracing.ratio", "some", 'tracing.ratio is "some", but it must be a number from 0 to 1'),
    ("auth.existingSecret", "Keys", "auth/existingSecret"),
    ("auth.allowAnonymous", "yes", "auth/allowAnonymous"),
    ("replicas", -1, "replicas"),
    ("replicas", "two", "replicas"),
    ("strategy", "Recreate", "strategy"),
    ("resources.limits.memory", "1 GB", "resources/limits/memory"),
    ("resources.claims", [], "claims"),
    ("shutdown.waitSeconds", -1, "shutdown/waitSeconds"),
    ("extraEnv", [{"name": "PLIMSOLL_PORT", "value": "9000"}], "extraEnv/0/name"),
    ("extraEnv", [{"value": "9000"}], "extraEnv/0"),
    ("extraVolumes", [{"name": "tmp", "emptyDir": {}}], "extraVolumes/0/name"),
    ("extraVolumeMounts", [{"name": "x", "mountPath": "/etc/plimsoll"}], "extraVolumeMounts/0/mountPath"),
    ("podLabels", {"plimsoll.dev/track": "canary"}, "at '/podLabels/plimsoll.dev~1track': got string, want null"),
    ("podAnnotations", {"plimsoll.dev/desired-state": "x"}, "podAnnotations/plimsoll.dev~1desired-state"),
    ("canary.mode", "blueGreen", "canary/mode"),
    ("canary.weight", 101, "canary/weight"),
    ("canary.weight", -1, "canary/weight"),
    ("canary.weight", 2.5, "canary/weight"),
    ("canary.replicas", -1, "canary/replicas"),
    ("canary.model.version", "latest", 'canary.model.version is "latest", but it must be one to four numbers'),
    ("canary.image.digest", "latest", "canary/image/digest"),
    ("canary.model.name", "other", "'name'"),
    ("autoscaling.engine", "keda", "autoscaling/engine"),
    ("autoscaling.minReplicas", 0, "autoscaling/minReplicas"),
    ("autoscaling.targetPercent", 0, "autoscaling/targetPercent"),
    ("autoscaling.coldStartSeconds", 1800, "autoscaling/coldStartSeconds"),
    ("judge.prometheusUrl", "prometheus:9090", "judge/prometheusUrl"),
    ("judge.enabled", True, "the judge reads Prometheus; set judge.prometheusUrl"),
    ("judge.alpha", 0, "judge/alpha"),
    ("judge.alpha", "1", 'judge.alpha is "1", but it must be a number from 0.0001 to 0.5'),
    ("judge.margin", -0.1, "judge/margin"),
    ("judge.margin", "0.41", 'judge.margin is "0.41", but it must be a number from 0 to 0.4'),
    ("judge.effect", 0.1, "judge.effect, 0.1, must be above judge.margin, 0.1"),
    ("judge.failures", 1, "judge/failures"),
    ("judge.guards", ["orders"], "judge/guards/0"),
    ("judge.guards", ["Orders=a/b"], "judge/guards/0"),
    ("judge.tokenSecret", "Token", "judge/tokenSecret"),
    ("judge.clients", [{}], "judge/clients/0"),
    ("judge.replicas", 2, "'replicas'"),
    ("service.type", "ExternalName", "service/type"),
    ("service.port", 0, "service/port"),
    ("service.trafficDistribution", "Near", "service/trafficDistribution"),
    ("metrics.port", 8000, "metrics/port"),
    ("metrics.port", 80, "metrics/port"),
    ("metrics.port", 8002, "metrics/port"),
    ("metrics.port", None, "metrics"),
    ("grpc.port", 0, "grpc/port"),
    ("grpc.route.parentRefs", [{"namespace": "gateways"}], "grpc/route/parentRefs/0"),
    ("grpc.route.hostname", "a.example", "hostname"),
    ("extraEnv", [{"name": "PLIMSOLL_GRPC_PORT", "value": "9000"}], "extraEnv/0/name"),
    ("nodeSelector", None, "nodeSelector"),
    ("gpu", None, "gpu"),
    ("shutdown.waitSeconds", None, "shutdown"),
    ("tmpSizeLimit", "512ki", "tmpSizeLimit"),
    ("extraEnv", [{"name": "OTEL_TRACES_SAMPLER", "value": "always_on"}], "extraEnv/0/name"),
    ("ingress.hosts", ["https://digits.example"], "ingress/hosts/0"),
    ("ingress.hosts", ["digits.example/path"], "ingress/hosts/0"),
    ("httpRoute.parentRefs", [{"namespace": "gateways"}], "httpRoute/parentRefs/0"),
    ("networkPolicy.clients", [{"namespace": "shop"}], "networkPolicy/clients/0"),
    ("networkPolicy.clients", [{"ipBlock": {"cidr": "192.0.2.1"}}], "networkPolicy/clients/0/ipBlock/cidr"),
    ("networkPolicy.clients", [{}], "networkPolicy/clients/0"),
    ("monitoring.podMonitor.interval", "15", "monitoring/podMonitor/interval"),
    ("monitoring.rules.availabilityObjective", 0, "monitoring/rules/availabilityObjective"),
    ("monitoring.rules.latencyObjective", 100, "monitoring/rules/latencyObjective"),
    ("gpu.count", 0, "gpu/count"),
    ("gpu.resourceName", "gpu", "gpu/resourceName"),
    ("gpu.migProfile", "10gb", "gpu/migProfile"),
    ("gpu.sharedMemorySizeLimit", "lots", "gpu/sharedMemorySizeLimit"),
    ("probes.startup.budgetSeconds", 0, "probes/startup/budgetSeconds"),
    ("probes.startup.failureThreshold", 180, "failureThreshold"),
    ("fullnameOverride", "x" * 57, "fullnameOverride"),
]


@needs_helm
@pytest.mark.parametrize(("path", "value", "named"), WRONG, ids=lambda part: str(part)[:40])
def test_a_wrong_value_is_refused_by_its_name(path: str, value: object, named: str) -> None:
    values: Any = value
    for name in reversed(path.split(".")):
        values = {name: values}
    with pytest.raises(subprocess.CalledProcessError) as refused:
        template(values=values)
    assert named in refused.value.stderr
    assert "anyOf" not in refused.value.stderr, "of a value's alternatives each has a line, and the lines contradict"


@needs_helm
@pytest.mark.parametrize(
    "file", [*EXAMPLES, CHART / "values-gpu.yaml", CHART / "values-prod.yaml"], ids=lambda f: f.stem
)
def test_every_example_renders(file: Path) -> None:
    assert len(objects(template(f"--values={file}"))) >= 4


def test_every_example_is_installed_end_to_end() -> None:
    assert set(NEEDS) == {file.stem for file in EXAMPLES}


def test_every_value_has_a_place_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert sorted(_left_out(defaults, schema)) == []


OPEN = {"extraVolumes", "extraVolumeMounts", "parentRefs"}
"""Lists of Kubernetes' own objects, of which only some fields are looked at."""


def test_the_chart_serves_what_make_run_serves() -> None:
    """The highest version of the model in this repository."""
    model = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["model"]
    bundles = REPOSITORY / "models" / model["name"]
    assert model["version"] == max((each.name for each in bundles.iterdir()), key=int)


def test_every_object_with_named_fields_is_closed() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    assert sorted(_open_objects(schema, "")) == []


def _open_objects(schema: dict[str, Any], path: str) -> list[str]:
    if path.rpartition("/")[2] in OPEN:
        return []
    found = [path] if "properties" in schema and schema.get("additionalProperties") is not False else []
    for name, inner in schema.get("properties", {}).items():
        found += _open_objects(inner, f"{path}/{name}")
    return found + (_open_objects(schema["items"], f"{path}/*") if "items" in schema else [])


def _left_out(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> list[str]:
    found = []
    for name, value in values.items():
        described = schema["properties"].get(name)
        if described is None:
            found.append(f"{path}.{name} is not described")
        elif isinstance(value, dict) and "properties" in described:
            found += _left_out(value, described, f"{path}.{name}")
    return found
