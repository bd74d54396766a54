"""The bill of materials of an image: Python's packages, as cyclonedx-py lists them, npm's, Debian's, and Python itself.

Runs while the image is built, in a stage on the same base: `python ops/sbom.py PYTHON.json VENDORED.json IMAGE.json`.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

_FIELDS = "${Package}\\t${Version}\\t${Architecture}\\t${source:Package}\\t${db:Status-Status}\\n"


def image_bom(python_packages: str, vendored: str, dpkg: str, distribution: str, python_version: str) -> str:
    """A CycloneDX 1.6 document with all that an image holds, valid by the schema and the same for the same input.

    Args:
        python_packages: what `cyclonedx-py environment` wrote.
        vendored: the packages of npm that the pages of the service are made of, as its `vendored.json` lists them.
        dpkg: a line for each package of Debian, as `installed_packages` gives them.
        distribution: such as `debian-12`, by which scanners choose their advisories.
        python_version: of the interpreter, which the base image may have compiled and dpkg not know.

    Raises:
        ValueError: the document would not be valid; the message is the schema's.
    """
    document = json.loads(python_packages)
    document["components"] += [
        *_npm_packages(vendored),
        *_debian_packages(dpkg, distribution),
        _python(python_version),
    ]
    text = json.dumps(document, indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(str(wrong))
    return text


def installed_packages() -> str:
    """A line for each package that dpkg knows: name, version, architecture, source package and state, with tabs.

    Raises:
        FileNotFoundError: this is no Debian.
    """
    command = ["/usr/bin/dpkg-query", "--show", f"--showformat={_FIELDS}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  # nothing from outside


def _npm_packages(vendored: str) -> Iterator[dict[str, Any]]:
    for package in json.loads(vendored):
        component = _component("library", PackageURL("npm", None, package["name"], package["version"]))
        yield {**component, "licenses": [{"license": {"id": package["licence"]}}]}


def _debian_packages(dpkg: str, distribution: str) -> Iterator[dict[str, Any]]:
    for line in dpkg.splitlines():
        name, version, architecture, source, state = line.split("\t")
        if state != "installed":
            continue
        qualifiers = {"arch": architecture, "distro": distribution}
        if source != name:
            qualifiers["upstream"] = source  # advisories are of source packages
        yield _component("library", PackageURL("deb", "debian", name, version, qualifiers))


def _python(version: str) -> dict[str, Any]:
    component = _component("platform", PackageURL("generic", None, "cpython", version))
    return {**component, "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"}


def _component(kind: str, purl: PackageURL) -> dict[str, Any]:
    return {"type": kind, "bom-ref": str(purl), "name": purl.name, "version": purl.version, "purl": str(purl)}


def main() -> None:
    """Read what cyclonedx-py found and what the service holds of others, add what this machine has, write the whole."""
    found, vendored, whole = map(Path, sys.argv[1:])
    release = platform.freedesktop_os_release()
    distribution = f"{release['ID']}-{release['VERSION_ID']}"
    listed = (found.read_text(encoding="utf-8"), vendored.read_text(encoding="utf-8"), installed_packages())
    text = image_bom(*listed, distribution, platform.python_version())
    whole.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
