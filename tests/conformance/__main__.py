"""Runs the suite: `python -m tests.conformance --url http://127.0.0.1:8000 --model NAME`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def run(*options: str, plugins: Sequence[object] = ()) -> int:
    """The exit status of pytest over this folder, with its own settings and no plugins but these."""
    os.environ.setdefault("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return int(pytest.main(["--config-file", str(FOLDER / "pytest.ini"), "--rootdir", str(FOLDER),
                            "--confcutdir", str(FOLDER), *options, str(FOLDER)], list(plugins)))  # fmt: skip


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
