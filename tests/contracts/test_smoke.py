"""`make smoke` where kubectl, helm and curl are stand-ins; tests/e2e/test_smoke.py runs it on a cluster."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.contracts.generated import REPOSITORY

MOST_SECONDS = 120
STAND_IN = """#!/bin/sh
said="$(basename "$0") $*"
echo "$said" >>calls
case $said in
  $FAILS) exit 1 ;;
  $HANGS) trap 'exit 1' INT TERM; touch hangs; for _ in $(seq 600); do sleep 0.1; done ;;
  *port-forward*) echo "Forwarding from 127.0.0.1:1 -> 8000" ;;
  curl*) echo '{"predictions":[{"class":7}]}' ;;
esac
"""


class Smoke:
    """The script with stand-ins that note how they were called, and in which one may fail or hang."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("kubectl", "helm", "curl"):
            program = folder / name
            program.write_text(STAND_IN.replace(">>calls", f">>{folder}/calls").replace("hangs;", f"{folder}/hangs;"))
            program.chmod(0o755)

    def start(self, *values: str, fails: str = "", hangs: str = "", started: int = 0) -> subprocess.Popen[str]:
        """Begin it, as if `started` seconds ago; the patterns are the shell's, for what was called and how."""
        signal.signal(signal.SIGINT, signal.default_int_handler)  # what is ignored here no child can heed
        path = f"{self._folder}:{os.environ['PATH']}"
        return subprocess.Popen(
            ["make", "--silent", "smoke", "IMAGE=plimsoll", "TAG=cpu", f"SMOKE_VALUES={shlex.join(values)}"],
            cwd=REPOSITORY,
            env={**os.environ, "PATH": path, "FAILS": fails, "HANGS": hangs, "SECONDS": str(started)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def says(self, process: subprocess.Popen[str]) -> str:
        """All that it has printed once it has ended."""
        return process.communicate(timeout=60)[0]

    def hanging(self, process: subprocess.Popen[str]) -> None:
        """Wait until the stand-in hangs; fails where the script ends before."""
        while not (self._folder / "hangs").exists():
            assert process.poll() is None
            time.sleep(0.02)

    def calls(self, beginning: str) -> list[str]:
        """How the stand-ins were called that begin so."""
        return re.findall(rf"^{beginning}.*", (self._folder / "calls").read_text(), re.MULTILINE)


@pytest.fixture
def smoke(tmp_path: Path) -> Smoke:
    return Smoke(tmp_path)


def test_values_are_handed_to_helm(smoke: Smoke) -> None:
    said = smoke.says(smoke.start("--set", "podSecurity.fsGroup=null", "--values", "of ours.yaml"))
    assert "done: installed, tested, asked and removed" in said
    (install,) = smoke.calls("helm install")
    assert install.endswith("--set-string image.tag=cpu --set podSecurity.fsGroup=null --values of ours.yaml")


@pytest.mark.parametrize("hangs", ["kubectl*create namespace*", "helm install*", "helm test*", "curl*"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_whoever_interrupts_it_is_told_so_and_finds_no_namespace(
    smoke: Smoke, hangs: str, number: signal.Signals
) -> None:
    process = smoke.start(hangs=hangs)
    smoke.hanging(process)
    os.killpg(process.pid, number)
    said = smoke.says(process)
    assert process.returncode != 0
    assert re.search(r"^interrupted after \d+ s$", said, re.MULTILINE)
    assert "What to do" not in said
    assert len(smoke.calls(r"kubectl .*delete namespace plimsoll-smoke-\S+ --ignore-not-found")) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_second_signal_does_not_end_the_removal(smoke: Smoke, number: signal.Signals) -> None:
    process = smoke.start(hangs="helm install*")
    smoke.hanging(process)
    script = int(subprocess.check_output(["pgrep", "--parent", str(process.pid)], text=True, timeout=60))
    os.killpg(process.pid, number)
    for _ in range(20_000):
        try:
            os.kill(script, number)
        except ProcessLookupError:
            break
    said = smoke.says(process)
    assert re.search(r"^interrupted after \d+ s$", said, re.MULTILINE)
    assert len(smoke.calls(r"kubectl .*delete namespace plimsoll-smoke-\S+ --ignore-not-found")) == 1


def test_a_namespace_that_may_not_be_made_is_no_interruption(smoke: Smoke) -> None:
    said = smoke.says(smoke.start(fails="kubectl*create namespace*"))
    assert "What to do: take an account that may create namespaces" in said
    assert "interrupted" not in said


@pytest.mark.parametrize("started", [0, 40, 75, 110])
def test_nothing_may_take_longer_than_what_is_left_of_two_minutes(smoke: Smoke, started: int) -> None:
    smoke.says(smoke.start(started=started))
    limits = [int(found) for call in smoke.calls("") for found in re.findall(r"--timeout (\d+)s", call)]
    assert len(limits) == 4  # install, test, uninstall, and the namespace's end
    assert all(1 <= limit <= MOST_SECONDS - started for limit in limits)
