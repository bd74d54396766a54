"""Small things that HTTP asks of every route, on each of the ports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import MakeBundle
from tests.unit.services import client_of, running

READABLE = [
    *("/livez", "/readyz", "/startupz", "/metrics", "/v1/models", "/v1/models/tiny", "/v1/models/tiny/versions/1"),
    *("/v1/health", "/v1/health/detailed", "/", "/docs", "/redoc", "/docs/page.css", "/openapi.json"),
]
FOUND_NOWHERE = [
    "/v1/nowhere",
    "/v1/predict/",
    "/v1/models/",
    "/livez/",
    "/metrics/",
    "/v1/models/tiny/",
    "//v1/models",
]


@pytest.fixture
async def clients(make_tiny_bundle: MakeBundle, tmp_path: Path) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """A client of each port of one server."""
    make_tiny_bundle()
    file = tmp_path / "desired.yaml"
    file.write_text('models: [{name: tiny, versions: [{version: "1"}]}]')
    async with running(tmp_path, desired_state=file, metrics_port=8001) as (application, main):
        assert application.admin_app is not None
        assert application.metrics_app is not None
        async with client_of(application.admin_app) as admin, client_of(application.metrics_app) as metrics:
            yield {"main": main, "admin": admin, "metrics": metrics}


@pytest.mark.parametrize("path", READABLE)
async def test_head_is_answered_as_get_is_and_without_a_body(
    make_tiny_bundle: MakeBundle, tmp_path: Path, path: str
) -> None:
    make_tiny_bundle()
    async with running(tmp_path) as (_, client):
        got, head = await client.get(path), await client.head(path)
        assert head.status_code == got.status_code == 200
        assert head.content == b""
        assert set(head.headers) == set(got.headers)
        assert head.headers["content-type"] == got.headers["content-type"]
        if path not in ("/metrics", "/v1/health/detailed"):  # what these say changes all the time
            assert head.headers["content-length"] == str(len(got.content))


async def test_head_works_on_the_admin_port_too(clients: dict[str, httpx.AsyncClient]) -> None:
    head = await clients["admin"].head("/v1/models")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("path", ["/v1/nowhere", "/v1/models/other", "/v1/predict"])
async def test_an_error_to_head_has_no_body_either(clients: dict[str, httpx.AsyncClient], path: str) -> None:
    got, head = await clients["main"].get(path), await clients["main"].head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")


@pytest.mark.parametrize("port", ["main", "admin", "metrics"])
@pytest.mark.parametrize("path", FOUND_NOWHERE)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_a_slash_too_many_is_404_and_leads_nowhere(
    clients: dict[str, httpx.AsyncClient], port: str, path: str, method: str
) -> None:
    reply = await clients[port].request(method, path, headers={"x-forwarded-proto": "https"})
    assert reply.status_code == 404
    assert "location" not in reply.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        *(("OPTIONS", "/v1/predict", "POST"), ("GET", "/v1/predict", "POST"), ("PATCH", "/v1/predict", "POST")),
        *(
            ("POST", "/livez", "GET, HEAD"),
            ("OPTIONS", "/v1/models", "GET, HEAD"),
            ("DELETE", "/v1/models", "GET, HEAD"),
        ),
        ("TRACE", "/v1/models/tiny", "GET, HEAD"),
    ],
)
async def test_another_method_is_405_with_those_that_are_allowed(
    clients: dict[str, httpx.AsyncClient], method: str, path: str, allowed: str
) -> None:
    reply = await clients["main"].request(method, path)
    assert (reply.status_code, reply.headers["allow"]) == (405, allowed)
    assert reply.json()["error"]["expected"] == allowed


@pytest.mark.parametrize("body", [b"\xff", b'{"\xff": 1}', b"[" * 50_000])
async def test_a_body_of_the_admin_api_that_is_no_text_is_refused_as_such(
    clients: dict[str, httpx.AsyncClient], body: bytes
) -> None:
    reply = await clients["admin"].put(
        "/v1/models/tiny/weights", content=body, headers={"content-type": "application/json"}
    )
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "not_json")
