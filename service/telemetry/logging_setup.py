"""One log format for everything in the process: JSON lines for machines, short lines for people."""

from __future__ import annotations

import logging
import logging.config
import sys
from collections.abc import Callable
from typing import Literal

from opentelemetry import trace
from pythonjsonlogger.json import JsonFormatter


class _Context(logging.Filter):
    """Adds the request id and the trace id to every record that has one."""

    def __init__(self, current_request_id: Callable[[], str | None]) -> None:
        super().__init__()
        self._current_request_id = current_request_id

    def filter(self, record: logging.LogRecord) -> bool:
        if (current := self._current_request_id()) is not None:
            record.request_id = current
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            record.trace_id = trace.format_trace_id(context.trace_id)
            record.span_id = trace.format_span_id(context.span_id)
        return True


def set_up_logging(
    style: Literal["auto", "json", "human"], level: str, current_request_id: Callable[[], str | None]
) -> None:
    """Send every logger of the process to standard error in one format.

    `auto` writes for people where standard error is a terminal. Libraries stay at warning, and uvicorn's own access
    log is off: requests are logged once, with their id.
    """
    human = style == "human" or (style == "auto" and sys.stderr.isatty())
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"context": {"()": _Context, "current_request_id": current_request_id}},
            "formatters": {
                "json": {
                    "()": JsonFormatter,
                    "fmt": ["levelname", "name", "message"],
                    "rename_fields": {"levelname": "level", "name": "logger"},
                    "timestamp": "time",
                    "json_ensure_ascii": False,
                },
                "human": {"format": "%(asctime)s %(levelname)-7s %(message)s", "datefmt": "%H:%M:%S"},
            },
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stderr",
                    "formatter": "human" if human else "json",
                    "filters": ["context"],
                }
            },
            "root": {"handlers": ["stderr"], "level": "WARNING"},
            "loggers": {
                "service": {"level": level.upper()},
                "uvicorn": {"level": "WARNING", "handlers": [], "propagate": True},
                "uvicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
                "uvicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
                "gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
            },
        }
    )
