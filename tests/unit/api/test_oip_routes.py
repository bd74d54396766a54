"""All routes under /v2 together: their keys, their methods, and their errors, which are one sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.access.keys import KeyEntry, KeyRing, new_key

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge

INDEX = "/v2/repository/index"
GET = [
    "/v2", "/v2/", "/v2/models", "/v2/models/stats", "/v2/models/echo", "/v2/models/echo/ready",
    "/v2/models/echo/config", "/v2/models/echo/stats", "/v2/models/echo/versions/1",
    "/v2/models/echo/versions/1/ready", "/v2/models/echo/versions/1/config", "/v2/models/echo/versions/1/stats", INDEX,
]  # fmt: skip


def is_one_sentence(document: Any) -> bool:
    return (
        list(document) == ["error"]
        and isinstance(document["error"], str)
        and bool(document["error"])
        and "\n" not in document["error"]
    )


@pytest.mark.parametrize(("method", "path"), [*(("GET", path) for path in GET), ("POST", INDEX)])
async def test_with_keys_every_route_but_health_asks_for_scope_predict(edge: Edge, method: str, path: str) -> None:
    edge.serve("echo", "1", EchoModel())
    keys = {scope: new_key() for scope in ("predict", "admin")}
    edge.gate.use(
        KeyRing(
            tuple(
                KeyEntry(label=scope, sha256=sha256, scopes=frozenset({scope})) for scope, (_, sha256) in keys.items()
            )
        )
    )
    for headers, status in (
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"x-api-key": keys["admin"][0]}, 403),
        ({"authorization": f"Bearer {keys['predict'][0]}"}, 200),
    ):
        reply = await edge.client.request(method, path, headers=headers)
        assert reply.status_code == status
        assert status == 200 or is_one_sentence(reply.json())


@pytest.mark.parametrize("path", GET)
async def test_head_is_get_without_a_body_and_other_methods_are_405(edge: Edge, path: str) -> None:
    edge.serve("echo", "1", EchoModel())
    head = await edge.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for method in ("DELETE", "OPTIONS", "PUT", *([] if path == INDEX else ["POST"])):
        reply = await edge.client.request(method, path)
        assert reply.status_code == 405
        assert reply.headers["allow"] == ("GET, HEAD, POST" if path == INDEX else "GET, HEAD")
        assert is_one_sentence(reply.json())


async def test_a_page_of_an_allowed_site_may_ask_before_it_asks(edge: Edge) -> None:
    headers = {"origin": "https://app.example", "access-control-request-method": "GET"}
    assert (await edge.client.options("/v2/models/echo", headers=headers)).status_code == 204
    reply = await edge.client.get("/v2/models", headers={"origin": "https://evil.example"})
    assert reply.status_code == 403
    assert is_one_sentence(reply.json())


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "BREW"]),
    path=st.lists(
        st.sampled_from(["models", "echo", "versions", "1", "stats", "ready", "config", "infer", "repository", "index",
                         "health", "live", "..", "", "%00", "%ff", "%2f", "a" * 300]), max_size=6,
    ).map("/".join),
    query=st.sampled_from(["", "?limit=-1", "?name=x&name=y", "?%00"]),
    body=st.binary(max_size=20) | st.sampled_from([b"{}", b'{"ready": 1}', b"[[[", b'{"ready": true}']),
)  # fmt: skip
async def test_whatever_is_asked_for_an_error_is_one_sentence_and_never_422_or_500(
    edge: Edge, method: str, path: str, query: str, body: bytes
) -> None:
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.request(method, f"/v2/{path}{query}", content=body)
    assert reply.status_code in (200, 400, 404, 405, 415)
    if reply.status_code != 200 and method != "HEAD":
        assert is_one_sentence(reply.json())


async def test_the_document_has_no_422_under_v2_and_its_errors_are_those_of_the_protocol(edge: Edge) -> None:
    document = json.loads(edge.document.rendered())
    for path, operations in document["paths"].items():
        if not path.startswith("/v2"):
            continue
        for operation in operations.values():
            assert "422" not in operation["responses"]
            for status, response in operation["responses"].items():
                reference = response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
                assert reference.endswith("/OipError") is (status != "200"), (path, status)
