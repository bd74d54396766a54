"""The steps of docs/access.md that need no cluster; tests/e2e/test_access.py takes all of them on one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plimsoll.access.keys import read_keys

from tests.contracts.generated import REPOSITORY
from tests.contracts.pages import blocks
from tests.integration.served_process import ServedProcess

MAKING = "Make a key, and ask with it"
REPLACING = "Replace a key, with both valid for a while"


KUBECTL = """#!/bin/bash
echo "$*" >>calls
if [ "$1" = get ]; then echo pod/plimsoll-stable-1; exit; fi
while [ "$1" != -- ]; do shift; done
"${@:2}"
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server that asks for a key, and the key."""
    folder = tmp_path_factory.mktemp("served")
    key = pasted(on_files_alone(MAKING) + '\necho "$KEY"', folder).strip()
    server = ServedProcess(models=REPOSITORY / "models")
    server.start(PLIMSOLL_KEYS_FILE=str(folder / "keys.yaml"))
    yield server.ready(), key
    server.kill()


def pasted(script: str, folder: Path, **environment: str) -> str:
    """What commands print in a shell whose programs are those of `folder` first, then those of this environment."""
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder, env={**os.environ, "PATH": path, **environment},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return ran.stdout


def waiting(folder: Path, url: str, key: str) -> str:
    """What the wait for the new key prints, beside a kubectl whose one pod is the server at `url`."""
    for name, text in (("kubectl", KUBECTL), ("sleep", "#!/bin/sh\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    _, wait, *_ = blocks("access.md", REPLACING)
    return pasted(wait.replace("8000", url.rpartition(":")[2]), folder, NEW=key)


def test_the_wait_for_a_key_ends_once_a_pod_takes_it(tmp_path: Path, served: tuple[str, str]) -> None:
    assert waiting(tmp_path, *served) == ""
    asked, *executed = (tmp_path / "calls").read_text().splitlines()
    assert "app.kubernetes.io/name=plimsoll,app.kubernetes.io/instance=plimsoll" in asked
    assert "status.phase=Running" in asked
    assert sum(line.startswith("exec ") for line in executed) == 1


def test_the_wait_for_a_key_ends_with_the_pod_that_does_not_take_it(tmp_path: Path, served: tuple[str, str]) -> None:
    url, _ = served
    said = waiting(tmp_path, url, "plk_of-somebody-else")
    assert said.startswith("pod/plimsoll-stable-1 does not take the new key: 401 ")
    assert '"unauthorized"' in said


def test_every_list_of_clients_names_those_of_before() -> None:
    page = (REPOSITORY / "docs" / "access.md").read_text(encoding="utf-8")
    lists = re.findall(r"'networkPolicy\.clients=(\[.*?\])'", page, re.DOTALL)
    first, *later = ([json.dumps(entry) for entry in json.loads(each)] for each in lists)
    assert len(first) >= 2
    assert len(later) == 2
    assert all(set(first) <= set(each) for each in later)


def on_files_alone(heading: str) -> str:
    """The commands below a heading that only change key files."""
    lines = "".join(blocks("access.md", heading)).splitlines()
    return "\n".join(line for line in lines if "keys.yaml" in line and "kubectl" not in line)


def test_the_commands_make_a_key_and_replace_it(tmp_path: Path) -> None:
    made, added = on_files_alone(MAKING), on_files_alone(REPLACING)
    adding, _, taking_out = added.partition("\n")
    script = f'{made}\n{adding}\ncp keys.yaml both.yaml\n{taking_out}\necho "$KEY" "$NEW"'
    old, new = pasted(script, tmp_path).split()
    both = read_keys(tmp_path / "both.yaml")
    assert [entry.label for entry in map(both.find, (old, new)) if entry] == ["shop-1", "shop-2"]
    kept = read_keys(tmp_path / "keys.yaml")
    assert kept.find(old) is None
    assert kept.find(new) is not None
