"""Collects the commands of `plimsoll`; each has its own file."""

from __future__ import annotations

import typer

from plimsoll import __version__
from plimsoll.cli import bundle_task, bundle_tune  # noqa: F401  # they add their commands to those of `bundle`
from plimsoll.cli.bundle import bundle
from plimsoll.cli.health import health
from plimsoll.cli.init import init
from plimsoll.cli.judge import judge
from plimsoll.cli.keys import keys
from plimsoll.cli.predict import predict
from plimsoll.cli.rollout import rollout
from plimsoll.cli.serve import serve
from plimsoll.cli.settings import settings

app = typer.Typer(
    name="plimsoll",
    help="Serve a PyTorch model: checked before it takes traffic, explainable under load.\n\n"
    "Start with [bold]plimsoll serve[/bold] in a folder that has bundles in models/, "
    "then [bold]plimsoll predict --image digit.png[/bold] in another terminal.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(init)
app.command()(serve)
app.command()(predict)
app.command()(health)
app.add_typer(bundle, name="bundle")
app.add_typer(judge, name="judge")
app.add_typer(keys, name="keys")
app.add_typer(rollout, name="rollout")
app.command()(settings)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it so
    if wanted:
        typer.echo(f"plimsoll {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: bool = typer.Option(  # noqa: FBT001  # a flag of the command line
        False, "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    pass
