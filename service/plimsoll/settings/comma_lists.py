"""Settings that hold several words separated by commas."""

from __future__ import annotations


def parts_of(text: str) -> tuple[str, ...]:
    """The words between the commas, without blanks around them and without empty ones."""
    return tuple(part for part in map(str.strip, text.split(",")) if part)
