"""The image's own bill of materials says what is in it, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.client_pod import ClientPod
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e

BILL = "/usr/share/doc/plimsoll/sbom.cdx.json"
_DISTRIBUTIONS = """
import json
from importlib.metadata import distributions
print(json.dumps({each.metadata["Name"]: each.version for each in distributions()}))
"""
_PYTHON = "import platform; print(platform.python_version())"


def test_the_bill_names_every_package_of_python_and_of_debian(client: ClientPod, transcript: Transcript) -> None:
    components = json.loads(client.execute("cat", BILL))["components"]
    debian = {each["name"]: each["version"] for each in components if _is_debian(each)}
    python = {each["name"]: each["version"] for each in components if not _is_debian(each)}
    assert python.pop("cpython") == client.execute("python", "-c", _PYTHON).strip()
    assert python == json.loads(client.execute("python", "-c", _DISTRIBUTIONS))
    shown = client.execute("dpkg-query", "--show", "--showformat=${Package} ${Version}\n").splitlines()
    assert debian == dict(line.split() for line in shown)
    transcript.note("bill of materials", f"{len(python)} packages of Python, {len(debian)} of Debian, CPython")


def _is_debian(component: dict[str, Any]) -> bool:
    return str(component.get("purl", "")).startswith("pkg:deb/")
