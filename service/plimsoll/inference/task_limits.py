"""The limits that a server sets for every task, whatever a bundle says."""

from __future__ import annotations

from dataclasses import dataclass

MOST_INPUT_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """`input_tokens` is the most tokens of one text that a model reads; the rest of the text is cut off and counted."""

    input_tokens: int = MOST_INPUT_TOKENS


DEFAULT_LIMITS = TaskLimits()
