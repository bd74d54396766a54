"""`plimsoll health`."""

from __future__ import annotations

from typing import Annotated, NoReturn

import httpx
import typer

from service.cli.complaint import complain
from service.settings import load_settings


def health(
    url: Annotated[
        str | None, typer.Option(help="Where the server is.", show_default="PLIMSOLL_HOST and PLIMSOLL_PORT")
    ] = None,
    timeout_seconds: Annotated[float, typer.Option(help="How long to wait for the answer.", min=0.1)] = 5.0,
) -> None:
    """Say whether a running server takes requests, and if not why; exit with 1 if not.

    For those without Kubernetes, whose probes ask /readyz themselves. In a compose file:
    healthcheck: {test: [CMD, plimsoll, health]}
    """
    where = f"{(url or _own_url()).rstrip('/')}/readyz"
    try:
        reply = httpx.get(where, timeout=timeout_seconds, trust_env=url is not None)  # no proxy leads to this machine
        said = dict(reply.json())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        _fail(f"no answer from {where}: {error}; is `plimsoll serve` running there?")
    except (ValueError, TypeError):
        _fail(f"{where} answers {reply.status_code} and no JSON; is this a Plimsoll server?")
    if not reply.is_success:
        reasons = "; ".join(map(str, said.get("reasons", []))) or "it does not say why"
        _fail(f"the server is not ready ({said.get('status', reply.status_code)}): {reasons}")
    typer.echo(said.get("status", "ready"))


def _own_url() -> str:
    """Where the server of these settings is asked from its own machine."""
    settings = load_settings()
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # addresses that cannot be asked
    host = everywhere.get(settings.host, f"[{settings.host}]" if ":" in settings.host else settings.host)
    return f"http://{host}:{settings.port}"


def _fail(sentence: str) -> NoReturn:
    """End with 1, which is what Docker takes for unhealthy; 2 it keeps for itself."""
    complain(sentence)
    raise typer.Exit(1) from None
