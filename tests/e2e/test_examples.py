"""The examples of charts/plimsoll/ci: the API server takes every field, and their installs pass their own test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, CommandError, run, server_version
from tests.e2e.devices import counted, runtime_class
from tests.e2e.release import CHART, Release
from tests.e2e.transcript import Transcript
from tests.e2e.volume import NodeVolume

pytestmark = pytest.mark.e2e_full

EXAMPLES = sorted((CHART / "ci").glob("*-values.yaml"))
MODEL = Path(__file__).parents[2] / "models" / "digits" / "2"
WITHOUT_A_DRIVER = "gpu-claim-values"
"""Its pods cannot start without NVIDIA's driver on a node; test_gpu_scheduling.py shows how far they get."""

Need = Callable[[Cluster, str], AbstractContextManager[None]]
"""Takes the image, too."""


@contextmanager
def keys(cluster: Cluster, _: str) -> Iterator[None]:
    cluster.apply_keys("plimsoll-keys")
    yield
    cluster.kubectl("delete", "secret", "plimsoll-keys")


@contextmanager
def model_in_a_config_map(cluster: Cluster, _: str) -> Iterator[None]:
    cluster.kubectl("create", "configmap", "digits-2", f"--from-file={MODEL}")
    yield
    cluster.kubectl("delete", "configmap", "digits-2")


@contextmanager
def model_on_a_volume(cluster: Cluster, image: str) -> Iterator[None]:
    volume = NodeVolume(cluster, "models")
    volume.create()
    volume.fill(image)
    yield
    volume.remove()


@contextmanager
def a_slice(_cluster: Cluster, _image: str) -> Iterator[None]:
    with counted("nvidia.com/mig-1g.10gb", 1):
        yield


@contextmanager
def a_shared_device(_cluster: Cluster, _image: str) -> Iterator[None]:
    with counted("nvidia.com/gpu.shared", 2), runtime_class():
        yield


NEEDS: dict[str, list[Need]] = {
    "everything-values": [keys],
    "gateway-values": [keys, model_in_a_config_map],
    "gpu-mig-values": [a_slice],
    "gpu-shared-values": [a_shared_device],
    "minimal-values": [],
    "volume-values": [model_on_a_volume],
}
"""What an example wants of the cluster before it is installed."""


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


@pytest.mark.parametrize(
    "example", [each for each in EXAMPLES if each.stem != WITHOUT_A_DRIVER], ids=lambda file: file.stem
)
def test_an_example_is_installed_and_passes_its_own_test(
    cluster: Cluster, image: str, example: Path, transcript: Transcript, request: pytest.FixtureRequest
) -> None:
    if example.stem.startswith("gpu"):
        image = request.getfixturevalue("without_gpu")
    with ExitStack() as needs:
        for need in NEEDS[example.stem]:
            needs.enter_context(need(cluster, image))
        release = Release(cluster, image, "example")
        release.install(CHART, f"--values={example}")
        assert "Succeeded" in release.test()
        transcript.note(f"{example.stem}, installed", f"{len(release.pods())} pods ready, helm test passed")
        release.uninstall()
