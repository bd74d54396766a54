from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable

import orjson
import pytest
from plimsoll.access.keys import KeyEntry, KeyRing
from plimsoll.api.auth import Gate
from plimsoll.api.bounded_requests import BoundedRequests
from plimsoll.inference.call import call_of
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.doubles.asgi import Exchange, http_scope

RING = KeyRing(
    (
        KeyEntry(label="op", sha256=hashlib.sha256(b"right").hexdigest(), scopes=frozenset({"admin"})),
        KeyEntry(label="user", sha256=hashlib.sha256(b"other").hexdigest(), scopes=frozenset({"predict"})),
    )
)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body it has read."""
    await Response(await Request(scope, receive).body())(scope, receive, send)


async def ask(
    chunks: Iterable[bytes | None],
    ring: KeyRing | None = None,
    *,
    app: ASGIApp = echo,
    seconds: float = 10.0,
    complete: bool = True,
    **headers: str,
) -> Exchange:
    """One request to a wrapped application that reads at most 100 bytes."""
    bounded = BoundedRequests(app, Gate(ring), "admin", max_body_bytes=100, body_seconds=seconds)
    scope = http_scope("/x", "PUT", {name.replace("_", "-"): value for name, value in headers.items()})
    scope["state"] = {"request_id": "id-1"}
    return await Exchange(bounded, scope, chunks, complete=complete).run()


def body_of(exchange: Exchange) -> bytes:
    return b"".join(message.get("body", b"") for message in exchange.sent)


def code_of(exchange: Exchange) -> str:
    return str(orjson.loads(body_of(exchange))["error"]["code"])


async def test_a_body_within_the_cap_reaches_the_application_whole() -> None:
    assert body_of(await ask([b"a" * 50, b"b" * 50])) == b"a" * 50 + b"b" * 50
    assert body_of(await ask([b""])) == b""


@pytest.mark.parametrize(("key", "status"), [("", 401), ("wrong", 401), ("other", 403)])
async def test_without_the_right_key_nothing_of_the_body_is_read(key: str, status: int) -> None:
    refused = await ask([], RING, content_length="600000000", x_api_key=key)
    assert (refused.status, refused.read) == (status, 0)


async def test_with_the_right_key_the_label_is_kept_for_the_access_line() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(call_of(scope).principal)
        await Response()(scope, receive, send)

    assert (await ask([b""], RING, app=app, authorization="Bearer right")).status == 200
    assert seen == ["op"]


@pytest.mark.parametrize("declared", ["101", "600000000", "9" * 5000, "-1", "1x"])
async def test_a_body_that_is_declared_too_long_is_refused_unread_and_the_connection_closed(declared: str) -> None:
    refused = await ask([], content_length=declared)
    assert (refused.status, code_of(refused), refused.read) == (413, "body_too_large", 0)
    assert refused.headers["connection"] == "close"
    assert len(body_of(refused)) < 300


async def test_a_body_of_no_declared_length_is_read_up_to_the_cap_and_no_further() -> None:
    refused = await ask([b"x" * 60] * 1000, transfer_encoding="chunked")
    assert (refused.status, refused.read) == (413, 2)


async def test_a_body_that_never_ends_is_408_and_the_connection_closed() -> None:
    refused = await ask([b"x"], seconds=0.01, complete=False)
    assert (refused.status, code_of(refused)) == (408, "body_too_slow")
    assert refused.headers["connection"] == "close"


async def test_a_client_that_leaves_while_it_sends_is_answered_by_nothing_of_the_application() -> None:
    assert (await ask([b"x", None])).status == 499


async def test_after_the_body_the_application_hears_that_the_client_leaves() -> None:
    heard: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        heard.append((await receive())["type"])
        await Response()(scope, receive, send)

    async with asyncio.timeout(5):
        await ask([b"x", None], app=BoundedRequests(app, Gate(None), "admin"), complete=False, seconds=1)
        bounded = BoundedRequests(app, Gate(None), "admin")
        scope = {**http_scope("/x", "PUT"), "state": {"request_id": "id-1"}}
        exchange = Exchange(bounded, scope, [b"x"])
        exchange.leave()
        await exchange.run()
    assert heard == ["http.disconnect"]


async def test_what_is_no_request_passes_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        seen.append(scope["type"])

    await Exchange(BoundedRequests(app, Gate(RING), "admin"), {"type": "lifespan"}, []).run()
    assert seen == ["lifespan"]
