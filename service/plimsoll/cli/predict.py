"""`plimsoll predict`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer
from pydantic import ValidationError

from plimsoll.bundle.manifest import ImagePreprocessing
from plimsoll.cli.asking import ask, fail, open_client
from plimsoll.errors import OperatorError
from plimsoll.fronts.glyph_image import read_glyph


def predict(
    image: Annotated[
        Path | None,
        typer.Option(help="A picture of one digit, dark on light or light on dark.", exists=True, dir_okay=False),
    ] = None,
    row: Annotated[
        str | None,
        typer.Option(help="A row of numbers: a JSON array, a file with an array or a request body, or - for stdin."),
    ] = None,
    url: Annotated[str, typer.Option(help="URL of the server.")] = "http://127.0.0.1:8000",
    model: Annotated[
        str | None, typer.Option(help="Name of the model. Default: the default model of the server.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Version of --model.")] = None,
    expect: Annotated[
        str | None, typer.Option(help="Exit with 1 unless the answer is this class. For smoke tests.")
    ] = None,
    expect_error: Annotated[
        str | None,
        typer.Option(help="Exit with 1 unless the server answers with this error code, such as unauthorized."),
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="API key to send.", envvar="PLIMSOLL_API_KEY", show_default=False)
    ] = None,
    timeout_seconds: Annotated[
        float, typer.Option(help="How long to wait for the answer, in seconds.", min=0.1)
    ] = 10.0,
) -> None:
    """Send a picture or a row of numbers to a running server and print its answer as JSON."""
    if (image is None) == (row is None):
        raise typer.BadParameter("give either --image or --row")
    if version is not None and model is None:
        raise typer.BadParameter("--version needs --model")
    if api_key is not None and not api_key.isascii():
        raise typer.BadParameter("--api-key holds a character that no API key has; a key has letters, digits, - and _")
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    with open_client(url, timeout_seconds, headers=headers) as client:
        try:
            if image is not None:
                features = read_glyph(image.read_bytes(), _preprocessing(client, model, version)).tolist()
            else:
                features = _read_row(row or "")
            answer = _ask(client, "POST", _path("/predict", model, version), json={"features": features})
        except _Refused as refused:
            if refused.code == expect_error:
                typer.echo(f"refused as expected: {refused.sentence}")
                return
            fail(refused.sentence)
    if expect_error is not None:
        fail(f"the server answered, but the expected error is {expect_error}")
    try:
        given = str(answer["predictions"][0]["class"])
    except (KeyError, IndexError, TypeError):
        raise _not_ours(url, answer) from None
    typer.echo(json.dumps(answer))
    if expect is not None and given != expect:
        fail(f"the class is {given}, expected: {expect}")


class _Refused(Exception):
    """The server answered with an error of its own."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def _path(action: str, model: str | None, version: str | None) -> str:
    named = f"/v1/models/{model}" if model else "/v1"
    return f"{named}/versions/{version}{action}" if version else f"{named}{action}"


def _preprocessing(client: httpx.Client, model: str | None, version: str | None) -> ImagePreprocessing:
    """Return the preprocessing of the model that will answer."""
    described: dict[str, Any]
    try:
        if model is None:
            listed = [str(each["name"]) for each in _ask(client, "GET", "/v1/models")["models"]]
            if len(listed) != 1:
                raise typer.BadParameter(f"--image needs --model, one of: {', '.join(listed) or 'none is loaded'}")
            model = listed[0]
        if version is None:
            versions = _ask(client, "GET", f"/v1/models/{model}")["versions"]
            described = next((each for each in reversed(versions) if each["state"] == "ready"), {})
        else:
            described = _ask(client, "GET", f"/v1/models/{model}/versions/{version}")
        return ImagePreprocessing.model_validate(described.get("preprocessing"))
    except (KeyError, TypeError, AttributeError) as error:
        raise _not_ours(str(client.base_url), error) from None
    except ValidationError:
        return fail(f"model {model} does not say how a picture becomes a row; use --row")


def _not_ours(url: str, given: object) -> OperatorError:
    return OperatorError(f"{url} does not answer as a Plimsoll server does: {given}")


def _read_row(row: str) -> list[float]:
    try:
        text = sys.stdin.read() if row == "-" else row if row.lstrip().startswith("[") else _read_file(Path(row))
        document = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise typer.BadParameter(f"--row is not JSON: {error}") from None
    features = document.get("features") if isinstance(document, dict) else document
    if not isinstance(features, list):
        raise typer.BadParameter('--row needs an array of numbers, or an object {"features": [numbers]}')
    return features


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--row names a file that cannot be read: {error}") from None


def _ask(client: httpx.Client, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401  # httpx's own
    reply, document = ask(client, method, path, **options)
    if reply.is_success:
        return document
    error = document.get("error")
    if not isinstance(error, dict):
        raise _Refused("", f"{reply.status_code}: {json.dumps(document)}")
    extras = "".join(f"; {name}: {error[name]}" for name in ("expected", "given") if name in error)
    code = str(error.get("code", ""))
    raise _Refused(code, f"{reply.status_code} {code}: {error.get('message', document)}{extras}")
