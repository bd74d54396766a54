"""The service as a whole and its reference, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from plimsoll.application import Application
from plimsoll.settings import load_settings
from starlette.types import ASGIApp

from tests.differential.cases import DEFAULT_MODEL, LONGEST, MODELS, Case
from tests.differential.comparison import REQUEST_ID, Reply, compare
from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.echo_bundles import FACTORY, make_echo_bundle
from tests.doubles.reference_v1 import reference_application


class Pair:
    """Two applications that are asked the same; `seen` counts the answers by status."""

    def __init__(self, ours: ASGIApp, reference: ASGIApp) -> None:
        self.ours = ours
        self.reference = reference
        self.seen: dict[str, int] = {}

    async def check(self, case: Case) -> None:
        """Ask both.

        Raises:
            Difference: their answers are not the same.
        """
        ours = await ask(self.ours, case)
        self._count(str(ours.status))
        compare(case, ours, await ask(self.reference, case))

    def _count(self, what: str) -> None:
        self.seen[what] = self.seen.get(what, 0) + 1


async def ask(app: ASGIApp, case: Case) -> Reply:
    """The answer of an application, without a server or a client between."""
    scope = http_scope(case.path, "POST", {**case.headers, "x-request-id": REQUEST_ID})
    exchange = await Exchange(app, scope, case.chunks()).run()
    body = b"".join(message.get("body", b"") for message in exchange.sent[1:])
    return Reply(exchange.status, exchange.headers, body)


@asynccontextmanager
async def running_pair(folder: Path) -> AsyncIterator[Pair]:
    """Both with their models loaded from bundles that are made in `folder`."""
    for model in MODELS:
        make_echo_bundle(folder, model)
    settings = load_settings(
        models_dir=folder,
        default_model=DEFAULT_MODEL,
        factories=(FACTORY,),
        max_body_bytes=LONGEST,
        inline_budget_ms=1000.0,
        access_log_per_second=0,
        log_level="error",
    )
    application = Application(settings)
    async with application.app.router.lifespan_context(application.app):
        await application.lifecycle.settled()
        yield Pair(application.asgi, reference_application(MODELS, DEFAULT_MODEL, LONGEST))
