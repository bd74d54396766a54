"""Values of a release as nested mappings: laid over each other, compared, and written as options of helm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Values = Mapping[str, Any]
"""Values as in values.yaml: texts, numbers, switches, lists and mappings. `None` removes a value."""

_PLAIN_TEXT = re.compile(r"[A-Za-z0-9._:/@+-]*")


def overlay(base: Values, changes: Values) -> dict[str, Any]:
    """`base` with the changes laid over it, mapping by mapping, as helm does."""
    result = dict(base)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = overlay(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def difference(base: Values, wanted: Values) -> dict[str, Any]:
    """The part of `wanted` that `base` does not hold already; empty if nothing has to change.

    A value that is to be removed and is not there, or is an empty mapping, is left out: helm would remove the default
    of the chart in its place, and the chart refuses that.
    """
    result: dict[str, Any] = {}
    for name, value in wanted.items():
        present = base.get(name)
        if isinstance(value, Mapping):
            below = difference(present if isinstance(present, Mapping) else {}, value)
            if below:
                result[name] = below
        elif value is None:
            if present not in (None, {}):
                result[name] = None
        elif present != value:
            result[name] = value
    return result


def same(one: Values, other: Values) -> bool:
    """Whether two sets of values mean the same: an empty mapping is as good as none."""
    return _filled(one) == _filled(other)


def _filled(values: Values) -> dict[str, Any]:
    """The values without empty mappings and without those that are removed."""
    below = {name: _filled(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    return {name: value for name, value in below.items() if value not in (None, {})}


def at(values: Values, path: str, otherwise: Any = None) -> Any:  # noqa: ANN401  # a value of any kind
    """The value at a path such as `canary.model.version`."""
    found: Any = values
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return otherwise
        found = found[name]
    return otherwise if found is None else found


def undoing(original: Values, changes: Values) -> dict[str, Any]:
    """The changes that bring back what `original` has wherever `changes` sets something.

    A value that `original` does not have stays: helm can only remove it by a null, and then writes that null into the
    record of the revision before as well.
    """
    result: dict[str, Any] = {}
    for name, value in changes.items():
        before = original.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if below := undoing(before, value):
                result[name] = below
        elif before is not None:
            result[name] = before
    return result


def set_options(changes: Values) -> list[str]:
    """The options of helm that set the changes, so that a text stays a text and a number a number."""
    options: list[str] = []
    for path, value in _leaves(changes, ""):
        if isinstance(value, str) and _PLAIN_TEXT.fullmatch(value):
            options += ["--set-string", f"{path}={value}"]
        elif value is None or isinstance(value, bool | int):
            options += ["--set", f"{path}={json.dumps(value)}"]
        else:
            options += ["--set-json", f"{path}={json.dumps(value)}"]
    return options


def _leaves(changes: Values, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in changes.items():
        path = prefix + re.sub(r"([\\.,\[\]=])", r"\\\1", name)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value
