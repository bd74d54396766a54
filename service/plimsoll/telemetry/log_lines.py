"""Formats log records as lines of bounded length: JSON for machines, short lines for people."""

from __future__ import annotations

import logging

from pythonjsonlogger.core import LogData
from pythonjsonlogger.json import JsonFormatter

LONGEST_LINE_BYTES = 8192
_SHORTER_TEXTS = (3000, 1000, 300, 60)
_SHORTEST_TEXT = 20


class JsonLines(JsonFormatter):
    """Formats a record as one JSON object of at most 8 KiB; longer texts in it end with how much is missing."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            json_ensure_ascii=False,
        )

    def jsonify_log_record(self, log_data: LogData) -> str:
        """The object as text; its texts are cut to ever shorter lengths until it is short enough."""
        line = super().jsonify_log_record(log_data)
        for length in _SHORTER_TEXTS:
            if _fits(line):
                return line
            line = super().jsonify_log_record({name: _shortened(value, length) for name, value in log_data.items()})
        return line


class HumanLines(logging.Formatter):
    """Formats a record as time, level and message, at most 8 KiB in all."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The line, or with an exception its lines."""
        line = super().format(record)
        return line if _fits(line) else cut(line, LONGEST_LINE_BYTES - 30)


def cut(text: str, most_bytes: int) -> str:
    """The text, or its beginning of that many bytes of UTF-8 and how many follow."""
    encoded = text.encode(errors="backslashreplace")
    if len(encoded) <= most_bytes:
        return text
    return f"{encoded[:most_bytes].decode(errors='ignore')}... ({len(encoded) - most_bytes} more bytes)"


def _fits(line: str) -> bool:
    # A character is at most four bytes of UTF-8, so that most lines need not be encoded to know.
    return len(line) <= LONGEST_LINE_BYTES // 4 or len(line.encode(errors="backslashreplace")) <= LONGEST_LINE_BYTES


def _shortened(value: object, length: int) -> object:
    if isinstance(value, bool | int | float | None):
        return value
    return cut(value if isinstance(value, str) else repr(value), length)
