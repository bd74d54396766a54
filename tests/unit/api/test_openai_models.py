"""The list of models in OpenAI's form: those that make embeddings, and no other."""

from __future__ import annotations

import pytest

from tests.doubles.counting_encoder import CountingEncoder, embeddings_of
from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge


def serve(edge: Edge) -> None:
    edge.serve("words", "1", CountingEncoder(), task=embeddings_of)
    edge.serve("words", "2", CountingEncoder(), task=embeddings_of)
    edge.serve("digits", "1", EchoModel())
    edge.desire("later", "1")


async def test_the_list_has_the_models_that_the_other_routes_answer(edge: Edge) -> None:
    serve(edge)
    found = (await edge.client.get("/openai/v1/models")).json()
    (model,) = found["data"]
    assert (found["object"], model["object"], model["id"], model["owned_by"]) == ("list", "model", "words", "plimsoll")
    assert model["created"] == int(edge.report.loaded_at.timestamp())


@pytest.mark.parametrize("name", ["words", "words:1", "words:2"])
async def test_a_model_is_found_by_its_name_and_by_a_version(edge: Edge, name: str) -> None:
    serve(edge)
    reply = await edge.client.get(f"/openai/v1/models/{name}")
    assert (reply.status_code, reply.json()["id"]) == (200, name)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("ghost", 404, "model_not_found"),
        ("words:3", 404, "version_not_found"),
        ("digits", 404, "model_not_found"),
        ("later", 503, "loading"),
    ],
)
async def test_what_cannot_be_asked_is_not_found(edge: Edge, name: str, status: int, code: str) -> None:
    serve(edge)
    reply = await edge.client.get(f"/openai/v1/models/{name}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
