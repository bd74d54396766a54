"""The options of `plimsoll predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_INPUTS = "Input, one kind of these"
_PLACES = "Model"
_TESTS = "Smoke tests"

Texts = Annotated[
    list[str] | None,
    typer.Option("--text", help="A text; - reads one from stdin. May be given several times.", rich_help_panel=_INPUTS),
]
Images = Annotated[
    list[Path] | None,
    typer.Option(
        "--image", help="A file with a picture. May be given several times.", exists=True, dir_okay=False,
        rich_help_panel=_INPUTS,
    ),
]  # fmt: skip
Rows = Annotated[
    list[str] | None,
    typer.Option(
        "--row",
        help="A row of numbers: 1,2.5,3, a JSON array, a file with an array or a request body, or - for stdin. May be "
        "given several times.",
        rich_help_panel=_INPUTS,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        help="A value of one row by the name of its column; once for each column. Without a value it is missing.",
        metavar="NAME=VALUE",
        rich_help_panel=_INPUTS,
    ),
]
RowsFile = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help="A file of rows: .csv with a line of names, .jsonl with a row in each line, or .json with a request body.",
        exists=True, dir_okay=False, rich_help_panel=_INPUTS,
    ),
]  # fmt: skip
IsGolden = Annotated[
    bool,
    typer.Option(
        "--golden",
        help="The model's own golden request. Exit with 1 unless the answer is the expected one.",
        rich_help_panel=_INPUTS,
    ),
]
Url = Annotated[str, typer.Option(help="URL of the server.", rich_help_panel=_PLACES)]
BundleFolder = Annotated[
    Path | None,
    typer.Option(
        "--bundle", help="Folder of a bundle that answers in this process, without a server.", exists=True,
        file_okay=False, rich_help_panel=_PLACES,
    ),
]  # fmt: skip
ModelName = Annotated[
    str | None,
    typer.Option(help="Name of the model. Default: the default model of the server.", rich_help_panel=_PLACES),
]
Version = Annotated[str | None, typer.Option(help="Version of --model.", rich_help_panel=_PLACES)]
ApiKey = Annotated[
    str | None,
    typer.Option(
        help="API key to send.", envvar="PLIMSOLL_API_KEY", show_default=False, rich_help_panel=_PLACES
    ),
]  # fmt: skip
TimeoutSeconds = Annotated[
    float, typer.Option(help="How long to wait for each answer, in seconds.", min=0.1, rich_help_panel=_PLACES)
]
Expect = Annotated[
    str | None,
    typer.Option(
        help="Exit with 1 unless the answer is this class. For smoke tests.", rich_help_panel=_TESTS
    ),
]  # fmt: skip
ExpectError = Annotated[
    str | None,
    typer.Option(
        help="Exit with 1 unless the server answers with this error code, such as unauthorized.", rich_help_panel=_TESTS
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the answer as JSON, as it is printed where no terminal is.")
]
