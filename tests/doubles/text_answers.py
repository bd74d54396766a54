"""Asks models of texts over HTTP, and compares their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

_MOST_ROWS = 100
_TOLERANCE = 1e-4


def predictions_of(client: httpx.Client, model: str, body: object) -> list[dict[str, Any]]:
    """The predictions of a request that is answered."""
    reply = client.post(f"/v1/models/{model}/predict", json=body)
    assert reply.status_code == httpx.codes.OK, reply.text
    found: list[dict[str, Any]] = reply.json()["predictions"]
    return found


def asked(client: httpx.Client, model: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    """The prediction of each text, asked in as few requests as possible."""
    parts = [texts[start : start + _MOST_ROWS] for start in range(0, len(texts), _MOST_ROWS)]
    return [each for part in parts for each in predictions_of(client, model, {"instances": part})]


def alike(one: Any, other: Any) -> bool:  # JSON
    """Whether two answers are equal, numbers with a fraction within the tolerance of golden samples."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) or isinstance(other, float):
        return bool(abs(one - other) <= _TOLERANCE * (1 + abs(other)))
    return bool(one == other)
