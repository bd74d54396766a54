"""Wire formats. The table: one file and one line for a format; the first of a protocol is the one it falls back to."""

from __future__ import annotations

from plimsoll.fronts.v1_csv import V1Csv
from plimsoll.fronts.v1_json import V1Json
from plimsoll.inference.ports import Front

V1: tuple[Front, ...] = (V1Json(), V1Csv())

PROTOCOLS = tuple(dict.fromkeys(front.protocol for front in V1))
"""Labels of metrics."""
