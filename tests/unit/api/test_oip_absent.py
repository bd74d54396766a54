"""Paths of Triton that this server has no route for: 404, and a sentence that says what to do."""

from __future__ import annotations

import pytest

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("repository/models/echo/load", "admin port"),
        ("repository/models/echo/unload", "admin port"),
        ("systemsharedmemory/status", "shared memory"),
        ("systemsharedmemory/region/mine/register", "shared memory"),
        ("cudasharedmemory/unregister", "shared memory"),
        ("trace/setting", "trace settings"),
        ("models/echo/trace/setting", "trace settings"),
        ("logging", "log settings"),
        ("models/echo/generate", "does not generate"),
        ("models/echo/versions/1/generate_stream", "does not generate"),
        ("models/echo/explain", "no such route"),
        ("models/echo/", "no such route"),
        ("models/echo/versions", "no such route"),
        ("repository/models/echo/load/", "no such route"),
        ("repository", "no such route"),
        ("health", "no such route"),
        ("nowhere/at/all", "no such route"),
        ("models//infer", "no such route"),
        ("loggings", "no such route"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_path_without_a_route_is_404_in_one_sentence(edge: Edge, method: str, path: str, word: str) -> None:
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.request(method, f"/v2/{path}")
    assert reply.status_code == 404
    assert list(reply.json()) == ["error"]
    assert word in reply.json()["error"]


async def test_elsewhere_the_same_path_is_any_unknown_one(edge: Edge) -> None:
    reply = await edge.client.post("/v1/repository/models/echo/load")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
    assert "admin" not in reply.text
