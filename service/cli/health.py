"""`plimsoll health`."""

from __future__ import annotations

from typing import Annotated, NoReturn

import httpx
import typer

from service.cli.complaint import complain
from service.settings import load_settings


def health(
    url: Annotated[
        str | None, typer.Option(help="Where the server is.", show_default="this machine, at PLIMSOLL_PORT")
    ] = None,
    timeout_seconds: Annotated[float, typer.Option(help="How long to wait for the answer.", min=0.1)] = 5.0,
) -> None:
    """Say whether a running server takes requests, and if not why; exit with 1 if not.

    For those without Kubernetes, whose probes ask /readyz themselves. In a compose file:
    healthcheck: {test: [CMD, plimsoll, health]}
    """
    where = f"{url or f'http://127.0.0.1:{load_settings().port}'}/readyz"
    try:
        reply = httpx.get(where, timeout=timeout_seconds)
        said = dict(reply.json())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        _fail(f"no answer from {where}: {error}; is `plimsoll serve` running there?")
    except (ValueError, TypeError):
        _fail(f"{where} answers {reply.status_code} and no JSON; is this a Plimsoll server?")
    if not reply.is_success:
        reasons = "; ".join(map(str, said.get("reasons", []))) or "it does not say why"
        _fail(f"the server is not ready ({said.get('status', reply.status_code)}): {reasons}")
    typer.echo(said.get("status", "ready"))


def _fail(sentence: str) -> NoReturn:
    """End with 1, which is what Docker takes for unhealthy; 2 it keeps for itself."""
    complain(sentence)
    raise typer.Exit(1) from None
