"""The bill of materials that is written while an image is built."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from plimsoll.api.documentation import PAGES_FOLDER

from ops.sbom import image_bom

DPKG = """\
libssl3\t3.0.17-1~deb12u2\tamd64\topenssl\tinstalled
tzdata\t2025b-0+deb12u1\tall\ttzdata\tinstalled
gone\t1.0\tamd64\tgone\tconfig-files
"""
VENDORED = (PAGES_FOLDER / "vendored.json").read_text(encoding="utf-8")
NO_PYTHON = '{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}'


@pytest.fixture(scope="module")
def python_packages(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What cyclonedx-py finds in the environment of this test."""
    found = tmp_path_factory.mktemp("sbom") / "python.json"
    program = str(Path(sys.executable).with_name("cyclonedx-py"))
    options = ("--output-reproducible", "--no-validate", "-o", str(found))
    subprocess.run([program, "environment", *options, sys.executable], check=True, timeout=100)
    return found.read_text(encoding="utf-8")


def components_of(text: str) -> list[dict[str, Any]]:
    components: list[dict[str, Any]] = json.loads(text)["components"]
    return components


def test_it_keeps_what_was_found_of_python(python_packages: str) -> None:
    found = components_of(image_bom(python_packages, "[]", DPKG, "debian-12", "3.11.9"))
    named = {(each["name"], each["version"]) for each in found if not each.get("purl", "").startswith("pkg:deb/")}
    assert named == {(each.metadata["Name"], each.version) for each in distributions()} | {("cpython", "3.11.9")}


def test_a_scanner_finds_the_distribution_and_the_source_package() -> None:
    *debian, python = components_of(image_bom(NO_PYTHON, "[]", DPKG, "debian-12", "3.11.9"))
    assert [each["purl"] for each in debian] == [
        "pkg:deb/debian/libssl3@3.0.17-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl",
        "pkg:deb/debian/tzdata@2025b-0%2Bdeb12u1?arch=all&distro=debian-12",
    ]
    assert python["cpe"].startswith("cpe:2.3:a:python:python:3.11.9:")


def test_it_names_what_the_pages_of_the_service_are_made_of() -> None:
    *npm, _ = components_of(image_bom(NO_PYTHON, VENDORED, "", "debian-12", "3.11.9"))
    assert [(each["purl"], each["licenses"][0]["license"]["id"]) for each in npm] == [
        ("pkg:npm/swagger-ui-dist@5.35.0", "Apache-2.0"),
        ("pkg:npm/redoc@2.5.4", "MIT"),
    ]


def test_the_same_image_has_the_same_bill() -> None:
    first, second = (image_bom(NO_PYTHON, VENDORED, DPKG, "debian-12", "3.11.9") for _ in range(2))
    assert first == second


def test_what_no_scanner_could_read_ends_the_build() -> None:
    with pytest.raises(ValueError, match="name"):
        image_bom(NO_PYTHON.replace("[]", '[{"type": "library"}]'), "[]", "", "debian-12", "3.11.9")
