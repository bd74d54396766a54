"""The commands of `plimsoll bundle`."""

from __future__ import annotations

from plimsoll.cli.commands import app
from typer.testing import CliRunner


def test_each_command_is_listed() -> None:
    listed = CliRunner().invoke(app, ["bundle", "--help"], env={"COLUMNS": "120"}).output
    for name in ("create", "verify", "inspect", "export-onnx", "from-mar", "add-task", "tune"):
        assert f" {name} " in listed
