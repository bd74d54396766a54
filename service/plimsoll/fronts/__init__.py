"""Wire formats. The table has one line for each format; the first format of a protocol is its default."""

from __future__ import annotations

from plimsoll.fronts.oip import Oip
from plimsoll.fronts.v1_csv import V1Csv
from plimsoll.fronts.v1_json import V1Json
from plimsoll.inference.ports import Front

V1: tuple[Front, ...] = (V1Json(), V1Csv())

V2: tuple[Front, ...] = (Oip(),)

PROTOCOLS = tuple(dict.fromkeys(front.protocol for front in (*V1, *V2)))
"""The values of the label `protocol` of metrics."""
