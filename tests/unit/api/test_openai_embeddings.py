"""OpenAI's embeddings over a whole edge: the vectors of /v1 in OpenAI's form, and its errors."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from plimsoll.access.keys import KeyRing

from tests.doubles.counting_encoder import CountingEncoder, embeddings_of
from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge

PATH = "/openai/v1/embeddings"
TEXTS = ["good film", "the bad film", "good good bad"]


def serve(edge: Edge, name: str = "words", version: str = "1") -> None:
    edge.serve(name, version, CountingEncoder(), task=embeddings_of)


async def embeddings(edge: Edge, **fields: Any) -> Any:
    reply = await edge.client.post(PATH, json={"model": "words", "input": TEXTS, **fields})
    assert reply.status_code == 200, reply.text
    return reply.json()


async def error(edge: Edge, status: int, **fields: Any) -> Any:
    reply = await edge.client.post(PATH, json={"model": "words", "input": TEXTS, **fields})
    assert (reply.status_code, list(reply.json())) == (status, ["error"]), reply.text
    return reply.json()["error"]


async def test_the_vectors_are_those_of_v1(edge: Edge) -> None:
    serve(edge)
    expected = (await edge.client.post("/v1/models/words/predict", json={"instances": TEXTS})).json()["predictions"]
    found = await embeddings(edge)
    assert [each["embedding"] for each in found["data"]] == [each["embedding"] for each in expected]
    assert [(each["object"], each["index"]) for each in found["data"]] == [("embedding", index) for index in range(3)]
    assert (found["object"], found["model"]) == ("list", "words:1")
    tokens = sum(each["tokens"] for each in expected)
    assert found["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    assert [outcome.protocol for outcome in edge.observer.outcomes] == ["v1", "openai"]
    assert edge.observer.last == ("words", "1", 200)


async def test_base64_is_the_same_numbers(edge: Edge) -> None:
    serve(edge)
    numbers = [each["embedding"] for each in (await embeddings(edge))["data"]]
    encoded = [each["embedding"] for each in (await embeddings(edge, encoding_format="base64"))["data"]]
    decoded = [np.frombuffer(base64.b64decode(each), "<f4").tolist() for each in encoded]
    assert np.allclose(decoded, numbers, atol=1e-7)


async def test_a_text_that_was_cut_says_so(edge: Edge) -> None:
    serve(edge)
    found = await embeddings(edge, input=["good", "bad " * 9])
    assert ["tokens_cut" in each for each in found["data"]] == [False, True]
    assert found["data"][1]["tokens_cut"] == 3
    assert found["usage"]["total_tokens"] == 3 + 8


async def test_a_version_is_named_in_the_model_or_in_the_header(edge: Edge) -> None:
    serve(edge)
    serve(edge, version="2")
    assert (await embeddings(edge))["model"] == "words:2"
    assert (await embeddings(edge, model="words:1"))["model"] == "words:1"
    body = {"model": "words", "input": "good"}
    reply = await edge.client.post(PATH, json=body, headers={"x-plimsoll-version": "1"})
    assert (reply.json()["model"], reply.headers["x-plimsoll-version"]) == ("words:1", "1")
    assert "'7'" in (await error(edge, 404, model="words:7"))["message"]


async def test_the_length_of_the_vectors_may_be_named_and_not_changed(edge: Edge) -> None:
    serve(edge)
    assert len((await embeddings(edge, dimensions=4))["data"][0]["embedding"]) == 4
    assert "cannot be made shorter or longer" in (await error(edge, 400, dimensions=2))["message"]


@pytest.mark.parametrize(
    ("fields", "status", "code", "parameter", "words"),
    [
        ({"model": "ghost"}, 404, "model_not_found", "model", "'ghost'"),
        ({"model": "digits"}, 400, "invalid_input", None, "makes no embeddings"),
        ({"model": 1}, 400, "invalid_input", None, "'model' has the wrong type"),
        ({"input": ["good", ""]}, 400, "invalid_input", "input[1]", "is empty"),
        ({"input": [1, 2]}, 400, "invalid_input", None, "ids of tokens"),
        ({"input": "x" * 3000}, 413, "body_too_large", None, "2000"),
    ],
)
async def test_an_error_is_openais(
    edge: Edge, fields: dict[str, Any], status: int, code: str, parameter: str | None, words: str
) -> None:
    serve(edge)
    edge.serve("digits", "1", EchoModel())
    found = await error(edge, status, **fields)
    assert (found["code"], found["param"], found["type"]) == (code, parameter, "invalid_request_error")
    assert words in found["message"]
    assert edge.observer.outcomes[-1].code == code


async def test_other_routes_under_openai_refuse_in_the_same_form(edge: Edge) -> None:
    for method, path, status in (("GET", PATH, 405), ("POST", "/openai/v1/chat/completions", 404)):
        reply = await edge.client.request(method, path)
        assert (reply.status_code, set(reply.json()["error"])) == (status, {"message", "type", "param", "code"})


async def test_a_key_is_asked_for_before_the_body_is_read(edge: Edge) -> None:
    serve(edge)
    edge.gate.use(KeyRing())
    found = await error(edge, 401, input="x" * 3000)
    assert (found["type"], found["code"]) == ("invalid_request_error", "unauthorized")


async def test_a_body_of_another_type_is_refused(edge: Edge) -> None:
    serve(edge)
    reply = await edge.client.post(PATH, content=b"a,b", headers={"content-type": "text/csv"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_media_type")
