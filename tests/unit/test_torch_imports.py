from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

_TORCH = re.compile(r"^import time:.*\| +torch$", re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import plimsoll.application"],
        ["-m", "plimsoll", "--help"],
        ["-m", "plimsoll", "settings"],
        ["-m", "plimsoll", "keys", "new", "--label", "somebody"],
        ["-m", "plimsoll", "health", "--url", "http://127.0.0.1:1"],
        ["-m", "plimsoll", "predict", "--row", "[1]", "--url", "http://127.0.0.1:1"],
    ],
    ids=lambda arguments: " ".join(arguments[:3]),
)
def test_what_runs_no_model_does_not_import_torch(arguments: list[str], tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "import time:" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not _TORCH.search(ran.stderr)


def test_the_pattern_of_these_tests_finds_torch() -> None:
    code = "import plimsoll.runtime.pytorch.devices"
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert _TORCH.search(ran.stderr)


def test_to_ask_for_the_memory_of_gpus_does_not_import_torch() -> None:
    code = (
        "import sys; from plimsoll.runtime.devices import device_memory; print(device_memory(), 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "[] False\n"
