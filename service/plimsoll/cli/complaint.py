"""Prints the errors and notes of a command."""

from __future__ import annotations

import typer


def complain(sentence: str) -> None:
    """Print one sentence on standard error, unchanged."""
    typer.echo(f"{typer.style('error:', fg=typer.colors.RED, bold=True)} {sentence}", err=True)


def note(sentence: str) -> None:
    """Print one sentence about something that was done unasked, or that looks like a mistake, on standard error."""
    typer.echo(f"{typer.style('note', fg=typer.colors.YELLOW)} {sentence}", err=True)
