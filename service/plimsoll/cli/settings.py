"""`plimsoll settings`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.table import Table
from rich.text import Text

from plimsoll.settings import Settings, load_settings, setting_remarks, variable_name


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table of docs/settings.md instead.")] = False,
) -> None:
    """List every setting with its default and its current value."""
    if markdown:
        typer.echo(markdown_table())
        return
    current = load_settings()
    table = Table("variable", "value", "default", "what it does", show_lines=True)
    for name, field in Settings.model_fields.items():
        value = _shown(getattr(current, name))
        changed = Text(value, style="bold" if value != _shown(field.default) else "")
        table.add_row(Text(variable_name(name)), changed, Text(_shown(field.default)), Text(field.description or ""))
    Console().print(table)
    for remark in setting_remarks(current):
        typer.echo(f"warning: {remark}", err=True)


def markdown_table(names: Collection[str] | None = None) -> str:
    """Return the table of settings for the documentation: all of them, or those in `names`."""
    rows = ["| variable | default | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        if names is not None and name not in names:
            continue
        rows.append(f"| `{variable_name(name)}` | {_default(field)} | {field.description} |")
    return "\n".join(rows)


def _default(field: FieldInfo) -> str:
    shown = _shown(field.default)
    return f"`{shown}`" if shown else ""


def _shown(value: Any) -> str:  # noqa: ANN401  # any field's value
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
