"""The digits models as ONNX files."""

from __future__ import annotations

import functools
from pathlib import Path

from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.golden import read_golden
from plimsoll.runtime.pytorch.onnx_export import export_graph

DIGITS = Path(__file__).parents[2] / "models" / "digits"


@functools.cache
def exported_digits(version: str) -> bytes:
    """The graph of a version of the digits model."""
    bundle = open_bundle(DIGITS / version)
    return export_graph(bundle, read_golden(bundle).inputs, ())
