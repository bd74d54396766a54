"""Reads options whose value is JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import typer


def read_json(text: str | bytes, kind: type, option: str, loads: Callable[[str | bytes], Any] = json.loads) -> Any:  # noqa: ANN401  # of that kind
    """The value of an option, a `dict` or a `list`; `loads` parses it.

    Raises:
        typer.BadParameter: it is not JSON, or of another kind.
    """
    try:
        document = loads(text)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{option} is not JSON: {error}") from None
    if not isinstance(document, kind):
        raise typer.BadParameter(f"{option} should be a JSON {'object' if kind is dict else 'array'}")
    return document
