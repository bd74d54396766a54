"""The deadline of a request: how long its client waits."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.errors import InvalidInput
from plimsoll.quoting import quote

HEADER = "x-request-timeout-ms"
_MILLISECONDS = 1000
_LONGEST_TEXT = 12


@dataclass(frozen=True, slots=True)
class DeadlineLimits:
    """The default timeout of a request, and the longest that one may ask for."""

    default_ms: int
    longest_ms: int

    def seconds(self, asked: bytes | None) -> float:
        """The timeout of a request from the bytes of its header, cut to the longest.

        Raises:
            InvalidInput: the text is not a positive number of milliseconds.
        """
        if asked is None:
            return self.default_ms / _MILLISECONDS
        text = asked.decode("latin-1").strip()
        if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_TEXT and int(text) > 0):
            raise InvalidInput(
                "the header X-Request-Timeout-Ms is not a time",
                expected="a whole number of milliseconds above 0",
                given=quote(asked.decode("latin-1")),
            )
        return min(int(text), self.longest_ms) / _MILLISECONDS
