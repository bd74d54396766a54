"""How the command says that something is wrong."""

from __future__ import annotations

import typer


def complain(sentence: str) -> None:
    """One sentence on standard error, word for word."""
    typer.echo(f"{typer.style('error:', fg=typer.colors.RED, bold=True)} {sentence}", err=True)
