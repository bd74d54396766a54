"""The examples of charts/plimsoll/ci: the API server takes every field, and their installs pass their own test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import certifi
import pytest

from tests.contracts.chart import EXAMPLES
from tests.e2e.cluster import Cluster, CommandError, run, server_version
from tests.e2e.devices import claimable, counted, driven, runtime_class
from tests.e2e.release import CHART, Release
from tests.e2e.transcript import Transcript
from tests.e2e.volume import NodeVolume

pytestmark = pytest.mark.e2e_full

MODEL = Path(__file__).parents[2] / "models" / "digits" / "2"


class Setting(NamedTuple):
    """Where an example is installed, its image, and what else a need may ask pytest for."""

    cluster: Cluster
    image: str
    request: pytest.FixtureRequest


Need = Callable[[Setting], AbstractContextManager[None]]


@contextmanager
def keys(setting: Setting) -> Iterator[None]:
    setting.cluster.apply_keys("plimsoll-keys")
    yield
    setting.cluster.kubectl("delete", "secret", "plimsoll-keys")


@contextmanager
def model_in_a_config_map(setting: Setting) -> Iterator[None]:
    setting.cluster.kubectl("create", "configmap", "digits-2", f"--from-file={MODEL}")
    yield
    setting.cluster.kubectl("delete", "configmap", "digits-2")


@contextmanager
def model_on_a_volume(setting: Setting) -> Iterator[None]:
    volume = NodeVolume(setting.cluster, "models")
    volume.create()
    volume.fill(setting.image)
    yield
    volume.remove()


@contextmanager
def access_to_prometheus(setting: Setting) -> Iterator[None]:
    setting.cluster.kubectl("create", "secret", "generic", "prometheus-token", "--from-literal=token=a-token")
    setting.cluster.kubectl("create", "configmap", "prometheus-ca", f"--from-file=ca.crt={certifi.where()}")
    yield
    setting.cluster.kubectl("delete", "secret/prometheus-token", "configmap/prometheus-ca")


@contextmanager
def a_slice(_: Setting) -> Iterator[None]:
    with counted("nvidia.com/mig-1g.10gb", 1):
        yield


@contextmanager
def a_shared_device(_: Setting) -> Iterator[None]:
    with counted("nvidia.com/gpu.shared", 2), runtime_class():
        yield


@contextmanager
def a_claimed_device(setting: Setting) -> Iterator[None]:
    with claimable("NVIDIA H100 80GB HBM3"), driven(setting.request.getfixturevalue("driver_image")):
        yield


NEEDS: dict[str, list[Need]] = {
    "autoscaling-values": [],
    "canary-values": [keys],
    "everything-values": [keys],
    "gateway-values": [keys, model_in_a_config_map],
    "gpu-claim-values": [a_claimed_device],
    "gpu-mig-values": [a_slice],
    "gpu-shared-values": [a_shared_device],
    "grpc-values": [keys],
    "judge-values": [access_to_prometheus],
    "minimal-values": [],
    "volume-values": [model_on_a_volume],
}
"""What an example wants of the cluster before it is installed."""
IMAGES = {"gpu": "without_gpu", "grpc": "grpc_image"}
"""Fixtures of the images that examples need which begin so."""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_the_api_server_takes_every_field(cluster: Cluster, example: Path, transcript: Transcript) -> None:
    rendered = run(
        "helm", "template", "example", str(CHART), f"--namespace={cluster.namespace}", f"--values={example}",
        f"--kube-version={server_version()}",
    )  # fmt: skip
    said = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=rendered)
    objects = [line.split()[0] for line in said.splitlines() if "dry run" in line]
    assert len(objects) >= 5
    transcript.note(f"example {example.stem.removesuffix('-values')}", f"{len(objects)} objects, every field taken")


def test_a_field_that_no_object_has_would_be_seen(cluster: Cluster) -> None:
    wrong = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "wrong"}, "dataa": {}}
    with pytest.raises(CommandError, match="dataa"):
        cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=json.dumps(wrong))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_installed_and_passes_its_own_test(
    cluster: Cluster, image: str, example: Path, transcript: Transcript, request: pytest.FixtureRequest
) -> None:
    if fixture := IMAGES.get(example.stem.partition("-")[0]):
        image = request.getfixturevalue(fixture)
    with ExitStack() as needs:
        for need in NEEDS[example.stem]:
            needs.enter_context(need(Setting(cluster, image, request)))
        release = Release(cluster, image, "example")
        release.install(CHART, f"--values={example}")
        assert "Succeeded" in release.test()
        transcript.note(f"{example.stem}, installed", f"{len(release.pods())} pods ready, helm test passed")
        release.uninstall()
