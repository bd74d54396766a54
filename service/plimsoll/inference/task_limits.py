"""The limits that a server sets for every task, whatever a bundle says."""

from __future__ import annotations

from dataclasses import dataclass

MOST_INPUT_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """The most of one text or one picture.

    A model reads `input_tokens` of a text; the rest is cut off and counted. A picture with more than `picture_pixels`
    or `picture_bytes` is refused.
    """

    input_tokens: int = MOST_INPUT_TOKENS
    picture_pixels: int = 16 << 20
    picture_bytes: int = 8 << 20


DEFAULT_LIMITS = TaskLimits()
