"""Objects that a text names as `package.module:name`."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any

from plimsoll.errors import BundleError


def imported(place: str) -> Any:  # noqa: ANN401  # whatever has that name
    """Import a module and return the object in it. Raises whatever the module raises."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def check_allowed(check: str, kind: str, place: str, allowed: Collection[str]) -> None:
    """Raise a `BundleError` unless the operator has allowed a place that a bundle names; messages call it a `kind`."""
    if place not in allowed:
        raise BundleError(
            check,
            f"the bundle wants the {kind} '{place}', which would run code of that package; nothing of it was "
            f"imported. Add it to PLIMSOLL_FACTORIES if you trust it; allowed now: {', '.join(allowed) or 'none'}",
        )
