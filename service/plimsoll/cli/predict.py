"""`plimsoll predict`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from plimsoll.bundle.golden_requests import difference_within
from plimsoll.cli import predict_options as given
from plimsoll.cli.answering import Answer, Answering, Refused
from plimsoll.cli.asking import fail, open_client
from plimsoll.cli.input_requests import GOLDEN, Choice, answer_all, hint_on
from plimsoll.cli.served_model import ServedModel
from plimsoll.errors import OperatorError


def predict(
    text: given.Texts = None,
    image: given.Images = None,
    row: given.Rows = None,
    column: given.Columns = None,
    file: given.RowsFile = None,
    golden: given.IsGolden = False,
    url: given.Url = "http://127.0.0.1:8000",
    bundle: given.BundleFolder = None,
    model: given.ModelName = None,
    version: given.Version = None,
    api_key: given.ApiKey = None,
    timeout_seconds: given.TimeoutSeconds = 10.0,
    expect: given.Expect = None,
    expect_error: given.ExpectError = None,
    as_json: given.AsJson = False,
) -> None:
    """Ask a model, and print its answer: as a table on a terminal, or else as JSON.

    The model is one of a running server, or a bundle in a folder. Examples:

    plimsoll predict --text 'A lovely film.' --text 'Two hours of nothing.'
    plimsoll predict --image examples/digits/7.png
    plimsoll predict --row 5.1,3.5,1.4,0.2 --model irises
    plimsoll predict --column age=41 --column home=rent --model credit-risk
    plimsoll predict --file rows.csv --json
    plimsoll predict --golden --bundle models/digits/2

    docs/tasks.md says what each model takes. Exit code: 1 if the request is refused or an expectation fails,
    2 if nothing could be asked.
    """
    choice = Choice(text, image, row, column, file, golden)
    option = choice.option()
    if version is not None and model is None:
        raise typer.BadParameter("--version needs --model")
    if api_key is not None and not api_key.isascii():
        raise typer.BadParameter("--api-key holds a character that no API key has; a key has letters, digits, - and _")
    if bundle is not None and model is not None:
        raise typer.BadParameter("--bundle is one version of a model; leave out --model and --version")
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    with _asked(bundle, url, headers, timeout_seconds, (model, version)) as source:
        try:
            answer, places = _golden(source) if option == GOLDEN else answer_all(source, choice)
        except Refused as refused:
            if refused.code == expect_error:
                typer.echo(f"refused as expected: {refused.sentence}")
                return
            fail(refused.sentence + hint_on(refused.code, option, source))
        if expect_error is not None:
            fail(f"the server answered, but the expected error is {expect_error}")
        _check(answer, url if bundle is None else str(bundle), expect)
        _print(answer, places, source, as_json=as_json)
    if expect is not None:
        _expect(answer, expect)


@contextmanager
def _asked(
    bundle: Path | None, url: str, headers: dict[str, str], timeout_seconds: float, named: tuple[str | None, str | None]
) -> Iterator[Answering]:
    """The server or the bundle that is asked."""
    if bundle is not None:
        from plimsoll.cli.bundle_model import BundleModel
        from plimsoll.settings import load_settings

        yield BundleModel(bundle, load_settings())
        return
    with open_client(url, timeout_seconds, headers=headers) as client:
        yield ServedModel(client, *named)


def _golden(source: Answering) -> tuple[Answer, list[str]]:
    """The answer to the golden request, if it is the expected one."""
    golden, answer = source.golden()
    predictions = answer.get("predictions")
    if golden.predictions is None:
        return answer, []
    if fault := difference_within(golden.tolerance, golden.predictions, predictions):
        fail(f"the golden request is answered otherwise than when the bundle was made: {fault}")
    return answer, []


def _check(answer: Answer, url: str, expect: str | None) -> None:
    predictions = answer.get("predictions")
    if not isinstance(predictions, list) or not predictions:
        raise OperatorError(f"{url} does not answer as a Plimsoll server does: {answer}")
    if expect is not None and len(predictions) > 1:
        raise typer.BadParameter("--expect is for one row")


def _print(answer: Answer, places: list[str], source: Answering, *, as_json: bool) -> None:
    console = Console()
    if as_json or not console.is_terminal:
        typer.echo(json.dumps(answer))
        return
    from plimsoll.cli.prediction_tables import print_answer

    print_answer(console, answer, places, source.facts_of(answer))


def _expect(answer: Answer, expect: str) -> None:
    (prediction,) = answer["predictions"]
    found: Any = prediction.get("class") if isinstance(prediction, dict) else None
    if found is None:
        fail("the prediction has no class; leave out --expect, or take --golden")
    if str(found) != expect:
        fail(f"the class is {found}, expected: {expect}")
