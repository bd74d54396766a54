"""One log format for everything in the process: JSON lines for machines, short lines for people."""

from __future__ import annotations

import logging
import logging.config
import os
import sys
from collections.abc import Callable
from typing import Literal

from opentelemetry import trace

from plimsoll.telemetry.log_lines import HumanLines, JsonLines
from plimsoll.telemetry.log_writer import LogWriter, QueuedStream

STANDARD_ERROR = 2


class _Context(logging.Filter):
    """Adds the request and the trace to every record."""

    def __init__(self, current_request: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._current_request = current_request

    def filter(self, record: logging.LogRecord) -> bool:
        record.__dict__.update(self._current_request())
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            record.trace_id = trace.format_trace_id(context.trace_id)
            record.span_id = trace.format_span_id(context.span_id)
        return True


def set_up_logging(
    style: Literal["auto", "json", "human"], level: str, current_request: Callable[[], dict[str, str]]
) -> LogWriter:
    """Send every logger of the process, and everything printed, to standard error in one format.

    `auto` writes for people if standard error is a terminal. Libraries log warnings only. Uvicorn's access log is off,
    because each request is logged once, with its id. OpenTelemetry's lines about headers are off, because clients could
    write into the log through them. `current_request` returns the fields that each line of a request has. A forked
    process must set up its logging itself.
    """
    human = style == "human" or (style == "auto" and os.isatty(STANDARD_ERROR))
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"context": {"()": _Context, "current_request": current_request}},
            "formatters": {"lines": {"()": HumanLines if human else JsonLines}},
            "handlers": {
                "log": {
                    "()": LogWriter,
                    "descriptor": STANDARD_ERROR,
                    "formatter": "lines",
                    "filters": ["context"],
                }
            },
            "root": {"handlers": ["log"], "level": "WARNING"},
            "loggers": {
                "plimsoll": {"level": level.upper()},
                "uvicorn": {"level": "WARNING", "handlers": [], "propagate": True},
                "uvicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
                "uvicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
                "opentelemetry.trace": {"level": "ERROR"},
                "gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
            },
        }
    )
    (writer,) = (each for each in logging.getLogger().handlers if isinstance(each, LogWriter))
    sys.stdout = sys.stderr = QueuedStream(writer)
    return writer
