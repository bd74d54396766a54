"""docs/bring-your-model.md, run as it stands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx

from tests.integration.conftest import REPOSITORY
from tests.integration.served_process import ServedProcess

PAGE = (REPOSITORY / "docs" / "bring-your-model.md").read_text()
PREPARE, CREATE, SERVE, PREDICT = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


def run(script: str, folder: Path) -> str:
    """Run one block of the page in a shell that stops at the first error."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
    }
    inherited = os.environ.get("PYTHONPATH")
    if inherited:
        environment["PYTHONPATH"] += f":{inherited}"
    ran = subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_page_works_as_it_stands(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "examples", tmp_path / "examples")
    shutil.copytree(REPOSITORY / "training", tmp_path / "training", ignore=shutil.ignore_patterns("data"))
    folder = tmp_path / "examples" / "bring-your-model"
    assert "right on the 200 digits" in run(
        PREPARE.replace("cd examples/bring-your-model\n", "").replace("export PYTHONPATH=$PWD\n", ""), folder
    )
    assert "ok   golden" in run(CREATE, folder)
    path = f"{folder}:{os.environ.get('PYTHONPATH', '')}".rstrip(":")
    forbidden = ServedProcess(models=folder / "models")
    allowed = ServedProcess(models=folder / "models")
    try:
        forbidden.start(PYTHONPATH=path)
        forbidden.wait_for_log("check 'format' failed.*Add it to PLIMSOLL_FACTORIES")
        assert "PLIMSOLL_FACTORIES=ourmodels:linear plimsoll serve --models models" in SERVE
        allowed.start(PYTHONPATH=path, PLIMSOLL_FACTORIES="ourmodels:linear")
        url = allowed.ready()
        answer = json.loads(run(f"{PREDICT.strip()} --url {url}", folder))
        assert (answer["model"], answer["predictions"][0]["class"]) == ("letters", 7)
        assert httpx.get(forbidden.url + "/readyz").status_code == 503
    finally:
        forbidden.kill()
        allowed.kill()
