"""The service as a whole and its reference, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from plimsoll.application import Application
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.connections import Connections
from plimsoll.server.http_connection import HttpConnection
from plimsoll.settings import load_settings
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from tests.differential.cases import DEFAULT_MODEL, LONGEST, MODELS, Case
from tests.differential.comparison import REQUEST_ID, Reply, compare
from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.echo_bundles import FACTORY, make_echo_bundle
from tests.doubles.reference_v1 import reference_application
from tests.unit.server.wire import Recorder

_PATIENCE_SECONDS = 30.0


class Pair:
    """Two applications that are asked the same, ours by ASGI and by `server`; `seen` counts the answers by status."""

    def __init__(self, ours: ASGIApp, reference: ASGIApp, server: ServedInProcess) -> None:
        self.ours = ours
        self.reference = reference
        self.server = server
        self.seen: dict[str, int] = {}

    async def check(self, case: Case) -> None:
        """Ask both, ours by both of its ways.

        Raises:
            Difference: their answers are not the same.
        """
        ours, reference = await ask(self.ours, case), await ask(self.reference, case)
        self._count(str(ours.status))
        compare(case, ours, reference)
        compare(case, await self.server.ask(case), reference)

    def _count(self, what: str) -> None:
        self.seen[what] = self.seen.get(what, 0) + 1


class ServedInProcess:
    """The service behind the connections of its HTTP server; `by_asgi` counts what does not go the short way."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._connections = Connections(ConnectionLimits())
        self._config = uvicorn.Config(self._by_asgi, log_config=None, lifespan="off", interface="asgi3")
        self.asked = self.by_asgi = 0

    async def ask(self, case: Case) -> Reply:
        """The answer to a request that arrives whole."""
        self.asked += 1
        connection = HttpConnection(
            self._config, ServerState(), {}, connections=self._connections, short_way=self._application.short_way
        )
        client = Recorder(connection)
        connection.connection_made(client)
        fields = {"host": "localhost", **case.headers, "x-request-id": REQUEST_ID, "content-length": len(case.body)}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        connection.data_received(f"POST {case.path} HTTP/1.1\r\n{head}\r\n".encode() + case.body)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not client.writes:  # noqa: ASYNC110  # the answer is written whole
                await asyncio.sleep(0)
        answer, _, body = client.said.partition(b"\r\n\r\n")
        line, *said = answer.decode("latin-1").split("\r\n")
        client.close()
        return Reply(int(line.split(" ")[1]), dict(each.split(": ", 1) for each in said), body)

    async def _by_asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.by_asgi += 1
        await self._application.asgi(scope, receive, send)


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
        server = ServedInProcess(application)
        yield Pair(application.asgi, reference_application(MODELS, DEFAULT_MODEL, LONGEST), server)
