"""The steps of docs/access.md that need no cluster; tests/e2e/test_access.py takes all of them on one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from service.access.keys import read_keys
from tests.contracts.pages import blocks

MAKING = "Make a key, and ask with it"
REPLACING = "Replace a key, with both valid for a while"


def on_files_alone(heading: str) -> str:
    """The commands below a heading that only change key files."""
    lines = "".join(blocks("access.md", heading)).splitlines()
    return "\n".join(line for line in lines if "keys.yaml" in line and "kubectl" not in line)


def test_the_commands_make_a_key_and_replace_it(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    made, added = on_files_alone(MAKING), on_files_alone(REPLACING)
    adding, _, taking_out = added.partition("\n")
    script = f'{made}\n{adding}\ncp keys.yaml both.yaml\n{taking_out}\necho "$KEY" "$NEW"'
    told = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    old, new = told.split()
    both = read_keys(tmp_path / "both.yaml")
    assert [entry.label for entry in map(both.find, (old, new)) if entry] == ["shop-1", "shop-2"]
    kept = read_keys(tmp_path / "keys.yaml")
    assert kept.find(old) is None
    assert kept.find(new) is not None
