"""Prints the errors of a command."""

from __future__ import annotations

import typer


def complain(sentence: str) -> None:
    """Print one sentence on standard error, unchanged."""
    typer.echo(f"{typer.style('error:', fg=typer.colors.RED, bold=True)} {sentence}", err=True)
