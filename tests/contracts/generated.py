"""Files that are made from the code; run as a module with a file's name to write it anew."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from service.application import Application
from service.cli.settings import markdown_table
from service.settings import Settings

REPOSITORY = Path(__file__).parents[2]
_TABLE = re.compile(
    r"(?<=<!-- settings: made by `make settings-table` -->\n).*?(?=<!-- end of settings -->)", re.DOTALL
)


def readme() -> str:
    """The README with today's settings table."""
    return _TABLE.sub(markdown_table().replace("\\", r"\\") + "\n", (REPOSITORY / "README.md").read_text())


def openapi() -> str:
    """The OpenAPI document of the application."""
    document = Application(Settings.model_construct()).app.openapi()
    document["info"]["version"] = "VERSION"  # so that a release does not change the snapshot
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


GENERATED: dict[str, Callable[[], str]] = {"README.md": readme, "tests/contracts/openapi.json": openapi}

if __name__ == "__main__":
    (REPOSITORY / sys.argv[1]).write_text(GENERATED[sys.argv[1]]())
