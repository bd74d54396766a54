"""The group `plimsoll bundle` with the commands of every file."""

from __future__ import annotations

from plimsoll.cli import bundle_task, bundle_tune  # noqa: F401  # they add their commands to the group
from plimsoll.cli.bundle import bundle

__all__ = ["bundle"]
