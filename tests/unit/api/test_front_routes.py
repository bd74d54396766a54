"""Tests the table of routes, and the way to their handlers."""

from __future__ import annotations

import pytest
from plimsoll.api.front_routes import FRONT_ROUTES, OPENAI_ROUTES, FrontRoutes, by_router
from plimsoll.inference.call import call_of
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.counting_encoder import CountingEncoder, embeddings_of
from tests.doubles.models import EchoModel
from tests.doubles.websocket import Conversation
from tests.unit.api.conftest import Edge


async def say_call(scope: Scope, receive: Receive, send: Send) -> None:
    call = call_of(scope)
    await PlainTextResponse(f"{call.route} {sorted(call.named.items())}")(scope, receive, send)


async def say_else(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("else")(scope, receive, send)


BODIES = {
    "v1": {"features": [0, 1]},
    "kserve": {"instances": [[0, 1]]},
    "v2": {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0, 1]}]},
    "openai": {"model": "words", "input": "good"},
}
"""A body of each protocol."""
ROUTES = FrontRoutes(say_else, {route.template: say_call for route in FRONT_ROUTES}, say_call)


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("POST", "/v1/predict", "/v1/predict []"),
        ("POST", "/v1/models/a/predict", "/v1/models/{name}/predict [('name', 'a')]"),
        (
            "POST", "/v1/models/a/versions/2/predict",
            "/v1/models/{name}/versions/{version}/predict [('name', 'a'), ('version', '2')]",
        ),
        ("POST", "/v1/models/a:predict", "/v1/models/{name}:predict [('name', 'a')]"),
        ("POST", "/v1/models/a:explain", "else"),
        ("POST", "/v1/models/:predict", "else"),
        ("POST", "/v1/models/a/b:predict", "else"),
        ("GET", "/v1/predict", "else"),
        ("POST", "/v1/predict/", "else"),
        ("POST", "/v1/models//predict", "else"),
        ("POST", "/v2/models/a/predict", "else"),
    ],
)  # fmt: skip
async def test_a_post_to_a_route_of_the_table_is_begun_as_its_call(method: str, path: str, answer: str) -> None:
    exchange = await Exchange(ROUTES, http_scope(path, method), []).run()
    assert exchange.sent[1]["body"].decode() == answer


async def test_a_path_is_matched_in_the_same_way_each_time() -> None:
    routes = FrontRoutes(say_else, {route.template: say_call for route in FRONT_ROUTES}, say_call)
    names = ["a", "b", "a" * 1000, *map(str, range(600)), "a/b"]
    for name in names * 2:
        exchange = await Exchange(routes, http_scope(f"/v2/models/{name}/infer", "POST"), []).run()
        expected = "else" if "/" in name else f"/v2/models/{{name}}/infer [('name', '{name}')]"
        assert exchange.sent[1]["body"].decode() == expected


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v1/models/a/session", b"/v1/models/{name}/session [('name', 'a')]"),
        ("/v1/models/a/b/session", b"else"),
        ("/v1/models/a/sessions", b"else"),
        ("/v1/predict", b"else"),
    ],
)
async def test_a_websocket_at_the_path_of_sessions_is_begun_as_a_call_and_any_other_is_not(
    path: str, answer: bytes
) -> None:
    conversation = Conversation(ROUTES, path)
    assert (await conversation.open()).body == answer


async def test_the_router_of_fastapi_leads_to_the_same_handler() -> None:
    scope = {**http_scope("/v1/models/a/predict", "POST"), "path_params": {"name": "a"}}
    exchange = await Exchange(by_router(say_call, "/v1/models/{name}/predict"), scope, []).run()
    assert exchange.sent[1]["body"].decode() == "/v1/models/{name}/predict [('name', 'a')]"


async def test_every_route_of_the_table_is_answered_and_documented(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    for route in FRONT_ROUTES:
        if route in OPENAI_ROUTES:  # after the others, some of which need a single model
            edge.serve("words", "1", CountingEncoder(), task=embeddings_of)
        path = route.template.format(name="echo", version="1")
        assert (await edge.client.post(path, json=BODIES[route.fronts[0].protocol])).status_code == 200
        assert route.template in edge.app.openapi()["paths"]
