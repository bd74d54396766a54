"""`plimsoll keys new`."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from pydantic import ValidationError

from plimsoll.access.keys import KEY_AS_LABEL, SCOPES, SHOWN_ONCE, WHERE_TO_PUT_IT, KeyEntry, holds_key, new_key

keys = typer.Typer(help="Make API keys.", no_args_is_help=True)


@keys.callback()
def _keys() -> None:
    """Make API keys."""


@keys.command()
def new(
    label: Annotated[str, typer.Option(help="Name of the key's user. The log shows it.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="Scope of the key: predict or admin. Repeat the option for both.", show_default="predict"),
    ] = None,
) -> None:
    """Print a new key once, and its entry for the key file, which contains only the sha256 of the key.

    Give the key to its user, and add the entry to the file in PLIMSOLL_KEYS_FILE. A running server applies the change.
    """
    scopes = scope or ["predict"]
    if unknown := [each for each in scopes if each not in SCOPES]:
        raise typer.BadParameter(f"there is no scope '{unknown[0]}'; expected {' or '.join(SCOPES)}")
    if holds_key(label):
        raise typer.BadParameter(KEY_AS_LABEL)
    key, sha256 = new_key()
    try:
        entry = KeyEntry.model_validate({"label": label, "sha256": sha256, "scopes": scopes})
    except ValidationError:
        raise typer.BadParameter("a label is made of letters, digits, dots and dashes, 63 at most") from None
    typer.echo(f"{SHOWN_ONCE}{key}\n\n{WHERE_TO_PUT_IT}", err=True)
    typer.echo(f"- {{label: {entry.label}, sha256: {entry.sha256}, scopes: {json.dumps(sorted(entry.scopes))}}}")
