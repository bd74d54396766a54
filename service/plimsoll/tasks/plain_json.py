"""Turns the values of foreign code into plain JSON values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson

_DEEPEST = 64


def plain_json(value: object) -> Any:  # noqa: ANN401  # JSON
    """A JSON value made of Python's own types, from one in which numpy's arrays and scalars may stand.

    Raises:
        ValueError: the message says what in it is no JSON.
    """
    plain = _plain(value, _DEEPEST)
    try:
        orjson.dumps(plain)
    except TypeError as error:  # a whole number beyond 64 bits, or half a character
        raise ValueError(f"a value that JSON cannot hold: {error}") from None
    return plain


def _plain(value: object, depth: int) -> object:
    if depth == 0:
        raise ValueError(f"values nested deeper than {_DEEPEST}")
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        if any(not isinstance(name, str) for name in value):
            raise ValueError("an object with a name that is not a text")
        return {str(name): _plain(each, depth - 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, depth - 1) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value}, and JSON has finite numbers only")
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ValueError(f"a {type(value).__name__}, which is no JSON value")
