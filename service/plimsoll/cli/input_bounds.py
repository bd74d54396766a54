"""Reads the bounds of inputs from the options of `plimsoll bundle create`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import typer

_WHOLE = re.compile(r"-?[0-9]{1,20}")
"""Kept as whole numbers, since floating-point numbers beyond 2**53 leave some out."""


def read_bounds(values: Sequence[str], names: Sequence[str], option: str) -> dict[str, float]:
    """Read `NUMBER` for the only input, or `NAME=NUMBER` for one of several; returns the bounds by name.

    Raises:
        typer.BadParameter: a value is no number, an input is none of `names`, or it has two bounds.
    """
    bounds: dict[str, float] = {}
    for value in values:
        name, _, number = value.rpartition("=")
        if not name and len(names) > 1:
            raise _refusal(f"there are {len(names)} inputs; give NAME=NUMBER, as {names[0]}={number}", option)
        name = name or names[0]
        if name not in names:
            raise _refusal(f"there is no input '{name[:40]}'; the inputs are {', '.join(names[:8])}", option)
        if name in bounds:
            raise _refusal(f"the input '{name[:40]}' has two", option)
        bounds[name] = _number(number, option)
    return bounds


def _number(text: str, option: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _refusal(f"'{text[:40]}' is not a finite number", option)
    return int(text) if _WHOLE.fullmatch(text) else number


def _refusal(sentence: str, option: str) -> typer.BadParameter:
    return typer.BadParameter(sentence, param_hint=f"'{option}'")
