"""The options of a task in a manifest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from plimsoll.errors import BundleError
from plimsoll.quoting import quote

Options = Mapping[str, Any]
NO_OPTIONS: Options = MappingProxyType({})


def check_options(task: str, options: Options, known: Collection[str] = ()) -> None:
    """Raise a `BundleError` with check `task` if an option is not one of those that the task knows."""
    for option in options:
        if option not in known:
            takes = f"the option {', '.join(known)}" if known else "no option"
            raise BundleError("task", f"the task {task} takes {takes}, and the manifest has {quote(option)}")
