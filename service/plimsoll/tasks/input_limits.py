"""The limits of a server for what its tasks read."""

from __future__ import annotations

from typing import NamedTuple


class InputLimits(NamedTuple):
    """The pixels and the bytes that one picture may have."""

    picture_pixels: int = 16 << 20
    picture_bytes: int = 8 << 20


DEFAULT_LIMITS = InputLimits()
