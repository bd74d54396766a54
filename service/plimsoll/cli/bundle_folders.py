"""Finds the folder in which bundles lie."""

from __future__ import annotations

import os
from pathlib import Path

import typer

_PARTS = 3
"""Of a path: the folder of the bundles, and NAME/VERSION in it."""


def folder_of_bundles(source: Path) -> Path:
    """The folder that holds a bundle as `NAME/VERSION`, as the path is written: links are not followed.

    Raises:
        typer.BadParameter: the path has no such folder.
    """
    path = Path(os.path.abspath(source))  # noqa: PTH100  # Path.resolve follows links, and Path.absolute keeps ..
    if len(path.parts) < _PARTS:
        raise typer.BadParameter(
            "the folder of a bundle is NAME/VERSION in a folder of bundles, such as models/digits/1"
        )
    return path.parents[1]
