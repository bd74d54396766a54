"""The image's own bill of materials says what is in it, and nothing else."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from plimsoll import __version__

from tests.e2e.client_pod import ClientPod
from tests.e2e.image_archive import labels
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e

BILL = "/usr/share/doc/plimsoll/sbom.cdx.json"
_DISTRIBUTIONS = """
import json
from importlib.metadata import distributions
print(json.dumps({each.metadata["Name"]: each.version for each in distributions()}))
"""
_VENDORED = """
import json
from plimsoll.api.documentation import PAGES_FOLDER
print(json.dumps({each["name"]: each["version"] for each in json.loads((PAGES_FOLDER / "vendored.json").read_text())}))
"""
_PYTHON = "import platform; print(platform.python_version())"


def test_the_bill_names_every_package_of_python_of_npm_and_of_debian(client: ClientPod, transcript: Transcript) -> None:
    components = json.loads(client.execute("cat", BILL))["components"]
    debian, npm = _of(components, "deb"), _of(components, "npm")
    python = {each["name"]: each["version"] for each in components if not _kind_of(each)}
    assert python.pop("cpython") == client.execute("python", "-c", _PYTHON).strip()
    assert python == json.loads(client.execute("python", "-c", _DISTRIBUTIONS))
    assert npm == json.loads(client.execute("python", "-c", _VENDORED))
    shown = client.execute("dpkg-query", "--show", "--showformat=${Package} ${Version}\n").splitlines()
    assert debian == dict(line.split() for line in shown)
    transcript.note(
        "bill of materials", f"{len(python)} packages of Python, {len(npm)} of npm, {len(debian)} of Debian, CPython"
    )


def test_the_way_of_a_request_is_compiled(client: ClientPod) -> None:
    loaded = client.execute("python", "-c", "import plimsoll.inference.line as line; print(line.__file__)")
    assert loaded.strip().endswith(".so")


def test_the_image_says_its_version_and_the_commit_it_was_built_from(image: str) -> None:
    archive = os.environ.get("PLIMSOLL_E2E_ARCHIVE")
    if not archive:
        pytest.skip(f"set PLIMSOLL_E2E_ARCHIVE to the archive of {image}, as tests/e2e/README.md says")
    said = labels(Path(archive))
    assert said["org.opencontainers.image.version"] == __version__
    assert re.fullmatch(r"[0-9a-f]{40}", said["org.opencontainers.image.revision"])


def _of(components: list[dict[str, Any]], kind: str) -> dict[str, str]:
    """Name and version of each component of that kind."""
    return {each["name"]: each["version"] for each in components if _kind_of(each) == kind}


def _kind_of(component: dict[str, Any]) -> str:
    """`deb` or `npm`; empty for Python, whose packages need not have a purl."""
    kind = str(component.get("purl", "")).removeprefix("pkg:").partition("/")[0]
    return kind if kind in ("deb", "npm") else ""
