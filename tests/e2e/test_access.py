"""docs/access.md on a cluster, by the commands of the page alone, in their order."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.pages import blocks
from tests.e2e.client_pod import KEY_FILE, ROW, ClientPod, LoadPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.gateway import NAME as GATEWAY
from tests.e2e.gateway import Way
from tests.e2e.release import NAME, Release, image_values
from tests.e2e.steady import RATE, counts
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

REPOSITORY = Path(__file__).parents[2]
URL = f"http://{NAME}:8000/v1/predict"


class Reader:
    """Somebody who pastes the page's commands into one shell; the namespace of their kubeconfig is the test's."""

    def __init__(self, folder: Path, cluster: Cluster, image: str) -> None:
        self._folder = folder
        kubeconfig = folder / "kubeconfig"
        shutil.copy(os.environ["KUBECONFIG"], kubeconfig)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": path}
        for shared in ("charts", "examples"):
            (folder / shared).symlink_to(REPOSITORY / shared)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._here = {
            "image.repository=plimsoll,image.tag=cpu": ",".join(image_values(image)),
            "service/plimsoll 8000": f"service/plimsoll {port}:8000",
            "127.0.0.1:8000": f"127.0.0.1:{port}",
        }
        (folder / "variables").write_text("KEY= NEW= PODS=\n")
        self.paste(f"kubectl config set-context --current --namespace {cluster.namespace}")

    def paste(self, commands: str) -> str:
        """What the commands print. Their variables stay for the next ones; what they run in the background does not."""
        for of_the_page, here in self._here.items():
            commands = commands.replace(of_the_page, here)
        ending = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"
        script = f"{ending}\n. ./variables\n{commands}\ndeclare -p KEY NEW PODS >variables"
        told = subprocess.run(
            ["bash", "-euc", script],
            cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert told.returncode == 0, f"{commands}\n{told.stdout}\n{told.stderr}"
        return told.stdout

    def keys(self) -> tuple[str, str]:
        """The first key that the commands have made, and the second."""
        first, second = self.paste('printf "%s\\n" "$KEY" "$NEW"').splitlines()
        return first, second


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, image: str) -> Iterator[Reader]:
    yield Reader(tmp_path_factory.mktemp("reader"), cluster, image)
    Release(cluster, image).uninstall()
    cluster.kubectl("delete", "secret", "plimsoll-keys")


def test_a_key_is_made_and_answered(reader: Reader, client: ClientPod) -> None:
    make, ask = blocks("access.md", "Make a key, and ask with it")
    reader.paste(make)
    assert json.loads(reader.paste(ask))["predictions"][0]["class"] == 7
    assert client.request(URL, ROW)["status"] == 401


def test_a_key_is_replaced_and_a_client_that_changes_in_the_overlap_is_never_refused(
    reader: Reader, cluster: Cluster, image: str, client: ClientPod, transcript: Transcript
) -> None:
    def status(key: str) -> int:
        return int(client.request(URL, ROW, Authorization=f"Bearer {key}")["status"])

    add, wait, log_all, look, take_out = blocks("access.md", "Replace a key, with both valid for a while")
    load = LoadPod(cluster, image, NAME, "load-keys", "", f"--rate={RATE}", f"--key-file={KEY_FILE}")
    load.start()
    load.show(reader.keys()[0])
    started = time.monotonic()
    reader.paste(add)
    assert reader.paste(wait) == ""
    known = time.monotonic() - started
    old, new = reader.keys()
    assert (status(old), status(new)) == (200, 200)
    reader.paste(log_all)
    eventually("a client that was missed", lambda: "shop-1" in reader.paste(look), timeout_seconds=30)
    load.show(new)
    time.sleep(2)  # so that the load asks by the new one alone
    reader.paste(take_out)
    started = time.monotonic()
    eventually("the end of the old key", lambda: status(old) == 401, timeout_seconds=180)
    gone = time.monotonic() - started
    assert status(new) == 200
    report = load.stop()
    load.remove()
    transcript.note("a key replaced", f"{counts(report)}; new known after {known:.0f} s, old out after {gone:.0f} s")
    assert report["failed"] == 0, report
    assert set(report["keys"]) == {old[-4:], new[-4:]}


def test_behind_an_ingress_its_controller_may_ask(reader: Reader, cluster: Cluster) -> None:
    reader.paste(*blocks("access.md", "Behind an Ingress"))
    (rule,) = cluster.get("ingress", NAME)["spec"]["rules"]
    assert rule["host"] == "digits.example"
    assert "ingress-nginx" in json.dumps(cluster.get("networkpolicy", NAME)["spec"]["ingress"])


def test_through_a_gateway_who_has_a_key_is_answered(reader: Reader, client: ClientPod, way: Way) -> None:
    (command,) = blocks("access.md", "Behind a Gateway")
    assert way.namespace in command
    reader.paste(command.replace('{"name":"public","namespace":"gateways"}', f'{{"name":"{GATEWAY}"}}'))
    _, new = reader.keys()

    def status(**headers: str) -> int:
        return int(client.request(f"{way.url}/v1/predict", ROW, Host="digits.example", **headers)["status"])

    eventually("an answer", lambda: status(Authorization=f"Bearer {new}") == 200)
    assert status() == 401
