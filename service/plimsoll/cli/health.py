"""`plimsoll health`."""

from __future__ import annotations

from typing import Annotated

import typer

from plimsoll.cli.asking import ask, fail, open_client
from plimsoll.errors import OperatorError
from plimsoll.server.listeners import url_at
from plimsoll.settings import load_settings


def health(
    url: Annotated[
        str | None, typer.Option(help="URL of the server.", show_default="PLIMSOLL_HOST and PLIMSOLL_PORT")
    ] = None,
    timeout_seconds: Annotated[float, typer.Option(help="How long to wait for the answer, in seconds.", min=0.1)] = 5.0,
) -> None:
    """Check whether a running server accepts requests. If not, print the reason and exit with 1.

    For hosts without Kubernetes, whose probes request /readyz. In a compose file:
    healthcheck: {test: [CMD, plimsoll, health]}
    """
    where = url or _own_url()
    try:
        with open_client(where, timeout_seconds, trust_env=url is not None) as client:  # no proxy leads to this machine
            reply, said = ask(client, "GET", "/readyz")
    except OperatorError as error:
        fail(error.message)  # with 1, which is what Docker takes for unhealthy; 2 it keeps for itself
    if not reply.is_success:
        reasons = "; ".join(map(str, said.get("reasons", []))) or "it does not say why"
        fail(f"the server is not ready ({said.get('status', reply.status_code)}): {reasons}")
    typer.echo(said.get("status", "ready"))


def _own_url() -> str:
    """Return the URL of the server of these settings, as seen from its own machine."""
    settings = load_settings()
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # addresses that cannot be asked
    return url_at(everywhere.get(settings.host, settings.host), settings.port)
