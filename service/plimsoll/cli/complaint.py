"""How the command says that something is wrong."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import typer

from plimsoll.errors import OperatorError


def complain(sentence: str) -> None:
    """One sentence on standard error, word for word."""
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
