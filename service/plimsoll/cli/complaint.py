"""Prints the errors of a command."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import typer

from plimsoll.errors import OperatorError


def complain(sentence: str) -> None:
    """Print one sentence on standard error, unchanged."""
    typer.echo(f"{typer.style('error:', fg=typer.colors.RED, bold=True)} {sentence}", err=True)


@contextlib.contextmanager
def refusals_of_libraries() -> Iterator[None]:
    """Make a sentence of what OpenTelemetry raises where it reads a wrong variable as it is imported.

    Raises:
        OperatorError: a library cannot be imported.
    """
    try:
        yield
    except (ValueError, re.error) as error:
        raise OperatorError(f"tracing cannot be set up: {error}; correct the OTEL_* variable") from None
