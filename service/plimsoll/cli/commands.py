"""Lists the commands of `plimsoll`; the file of a command is imported to run it, or to show it in `--help`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

from plimsoll import __version__
from plimsoll.runtime.places import imported

_PLACES = {
    "init": "plimsoll.cli.init:init",
    "serve": "plimsoll.cli.serve:serve",
    "predict": "plimsoll.cli.predict:predict",
    "health": "plimsoll.cli.health:health",
    "settings": "plimsoll.cli.settings:settings",
    "bundle": "plimsoll.cli.bundle_commands:bundle",
    "judge": "plimsoll.cli.judge:judge",
    "keys": "plimsoll.cli.keys:keys",
    "rollout": "plimsoll.cli.rollout:rollout",
}
"""The function of each command, or the application of a group of commands. A server needs one of them."""
_LOOK: dict[str, Any] = {"rich_markup_mode": "rich", "pretty_exceptions_enable": False, "add_completion": False}


class _Commands(Mapping[str, Any]):
    """The commands by name; each is imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # typer does not export the type of its commands
        found = imported(_PLACES[name])
        alone = typer.Typer(**_LOOK)
        alone.callback()(lambda: None)  # makes it a group of commands, though it has only one
        if isinstance(found, typer.Typer):
            alone.add_typer(found, name=name)
        else:
            alone.command(name)(found)
        group = get_command(alone)
        return group.commands[name]  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


class _Root(TyperGroup):
    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  # those of typer's own group
        super().__init__(**attributes)
        self.commands = cast("dict[str, Any]", _Commands())


app = typer.Typer(
    name="plimsoll",
    cls=_Root,
    help="Serve a PyTorch model: checked before it takes traffic, explainable under load.\n\n"
    "Start with [bold]plimsoll serve[/bold] in a folder that has bundles in models/, "
    "then [bold]plimsoll predict --image digit.png[/bold] in another terminal.",
    no_args_is_help=True,
    **_LOOK,
)


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
