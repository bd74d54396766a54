"""`make smoke`: what somebody does first on a cluster of their own, and what it says where that does not work."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e.cluster import run
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

REPOSITORY = Path(__file__).parents[2]


def smoke(image: str) -> subprocess.CompletedProcess[str]:
    """What it says of an image, standard error included."""
    repository, _, tag = image.rpartition(":")
    command = [
        "make",
        "--silent",
        "smoke",
        f"KUBECONFIG={os.environ['KUBECONFIG']}",
        f"IMAGE={repository}",
        f"TAG={tag}",
    ]
    return subprocess.run(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600
    )


def left() -> list[str]:
    """The namespaces and the processes that it has left behind."""
    namespaces = run("kubectl", "get", "namespaces", "--output=name").split()
    processes = (" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"]))
    return [name for name in (*namespaces, *processes) if "plimsoll-smoke-" in name]


def test_it_installs_tests_asks_and_leaves_nothing(image: str, transcript: Transcript) -> None:
    told = smoke(image)
    assert told.returncode == 0, told.stdout
    assert '"class":7' in told.stdout
    assert left() == []
    (seconds,) = re.findall(r"^ *(\d+) s  done", told.stdout, re.MULTILINE)
    transcript.note("make smoke", f"installed, tested, asked and removed in {seconds} s")


@pytest.mark.usefixtures("image")
def test_an_image_that_the_nodes_do_not_have_is_named_and_nothing_is_left() -> None:
    told = smoke("127.0.0.1:1/nowhere:none")
    assert told.returncode != 0
    assert "What to do: the nodes cannot get 127.0.0.1:1/nowhere:none" in told.stdout
    assert left() == []
