"""A model with columns: its signature, the option `columns`, and rows that fit."""

from __future__ import annotations

from typing import Any

from plimsoll.inference.payloads import Signature, TensorSpec

WIDTH = 6
ROWS = TensorSpec("rows", "FP32", (-1, WIDTH))
SIGNATURE = Signature((ROWS,), (TensorSpec("shares", "FP32", (-1, 2), labels=("bad", "good")),))
COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "kind": "number", "minimum": 18, "maximum": 100, "unit": "years", "description": "Of the eldest."},
    {"name": "home", "kind": "category", "values": ["rent", "own, with a loan", "other"], "missing": "other"},
    {"name": "income", "kind": "number", "missing": 1.5},
    {"name": "size", "kind": "category", "values": [1, 2, 3], "encoding": "index"},
]
OPTIONS: dict[str, Any] = {"columns": COLUMNS}
ROW: dict[str, Any] = {"age": 41, "home": "own, with a loan", "income": 0.25, "size": 2}
NUMBERS = [41.0, 0.0, 1.0, 0.0, 0.25, 1.0]
"""The same row by position."""
