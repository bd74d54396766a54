"""Builds an image on top of another one and loads it onto the nodes."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from tests.e2e.cluster import run


def built(name: str, image: str, folder: Path, *options: str, archive: Path | None = None) -> str:
    """Build `name` from a folder, on top of `image`, and load it; returns its name."""
    build, save = os.environ.get("PLIMSOLL_E2E_BUILD"), os.environ.get("PLIMSOLL_E2E_SAVE")
    if not build or not save:
        pytest.skip("set PLIMSOLL_E2E_BUILD and PLIMSOLL_E2E_SAVE, as tests/e2e/README.md says, to build an image")
    archive = archive or folder.with_suffix(".tar")
    run(*shlex.split(build), name, "--build-arg", f"PLIMSOLL_IMAGE={image}", *options, str(folder), timeout_seconds=900)
    run(*(part.format(image=name, archive=str(archive)) for part in shlex.split(save)))
    run(*shlex.split(os.environ["PLIMSOLL_E2E_LOAD"]), str(archive))
    return name
