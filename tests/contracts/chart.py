"""The chart and Helm, as the tests of what it renders use them."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.contracts.generated import REPOSITORY

CHART = REPOSITORY / "charts" / "plimsoll"
EXAMPLES = sorted((CHART / "ci").glob("*-values.yaml"))
needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm: https://helm.sh/docs/intro/install")


def template(*options: str, values: dict[str, Any] | None = None, name: str = "plimsoll") -> str:
    """What `helm template` makes of the chart.

    Raises:
        subprocess.CalledProcessError: the chart refuses the values; `stderr` holds its words.
    """
    command = ["helm", "template", name, str(CHART), "--values=-", *options]
    given = yaml.safe_dump(values or {})
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=60).stdout


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of a rendered chart."""
    return [each for each in yaml.safe_load_all(text) if each]
