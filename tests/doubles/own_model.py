"""docs/bring-your-model.md, step by step, in a copy of the examples."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]
_PAGE = (_REPOSITORY / "docs" / "bring-your-model.md").read_text(encoding="utf-8")
PREPARE, CREATE, SERVE, PREDICT = re.findall(r"```bash\n(.*?)```", _PAGE, re.DOTALL)

_RIGHT_PERCENT = 85
"""A linear model of 800 digits reaches 88; one that has not seen every class reaches none of those that it has not."""
_APART = 2
"""Percent by which another machine's arithmetic may differ from what the page says."""


def run_block(script: str, folder: Path) -> str:
    """What one block of the page prints, in a shell that stops at the first error."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
    }
    inherited = os.environ.get("PYTHONPATH")
    if inherited:
        environment["PYTHONPATH"] += f":{inherited}"
    ran = subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def make_own_bundle(parent: Path) -> Path:
    """The page's folder under `parent`, with the package, the trained weights and the bundle in it."""
    shutil.copytree(_REPOSITORY / "examples", parent / "examples")
    shutil.copytree(_REPOSITORY / "training", parent / "training", ignore=shutil.ignore_patterns("data"))
    folder = parent / "examples" / "bring-your-model"
    prepare = PREPARE.replace("cd examples/bring-your-model\n", "").replace("export PYTHONPATH=$PWD\n", "")
    told = re.search(r"right on the 200 digits it has not seen: ([0-9.]+)%", run_block(prepare, folder))
    assert told is not None
    assert float(told[1]) >= _RIGHT_PERCENT
    promised = re.search(r"of 200 unseen digits it gets right: ([0-9]+) %", _PAGE)
    assert promised is not None
    assert abs(float(told[1]) - float(promised[1])) <= _APART
    assert "ok   golden" in run_block(CREATE, folder)
    return folder
