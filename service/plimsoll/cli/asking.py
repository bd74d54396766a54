"""Sends the requests of commands to a running server."""

from __future__ import annotations

from typing import Any, NoReturn

import httpx
import typer

from plimsoll.cli.complaint import complain
from plimsoll.errors import OperatorError

_THIS_MACHINE = ("all://localhost", "all://127.0.0.1", "all://[::1]")


def open_client(url: str, timeout_seconds: float, **options: Any) -> httpx.Client:  # noqa: ANN401  # httpx's own
    """A client of the server at `url`; on this machine it is asked without the proxy of the environment.

    Raises:
        OperatorError: it is not an address.
    """
    direct: dict[str, None] = dict.fromkeys(_THIS_MACHINE)
    try:
        return httpx.Client(base_url=url, timeout=timeout_seconds, mounts=direct, **options)
    except (httpx.InvalidURL, ValueError) as error:
        raise OperatorError(f"{url} is not an address: {error}; expected one as http://127.0.0.1:8000") from None


def ask(client: httpx.Client, method: str, path: str, **options: Any) -> tuple[httpx.Response, dict[str, Any]]:  # noqa: ANN401
    """The reply, whatever its status, and the JSON object in it.

    Raises:
        OperatorError: what is asked cannot be written down, nobody answers, or not as a Plimsoll server does.
    """
    where = f"{client.base_url}".rstrip("/") + path
    try:
        reply = client.request(method, path, **options)
    except httpx.HTTPError as failure:
        raise OperatorError(f"no answer from {where}: {failure}; is `plimsoll serve` running there?") from None
    except (httpx.InvalidURL, ValueError) as error:  # half of a character, or a number beyond the range of JSON
        raise OperatorError(f"{where} cannot be asked for this: {error}") from None
    try:
        return reply, dict(reply.json())
    except (ValueError, TypeError):
        raise OperatorError(f"{where} answers {reply.status_code} and no JSON; is this a Plimsoll server?") from None


def fail(sentence: str) -> NoReturn:
    """Print the sentence and exit with 1."""
    complain(sentence)
    raise typer.Exit(1)
