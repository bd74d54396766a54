"""Embeddings of a whole application: the vectors of torch in every protocol, and streams of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plimsoll.application import Application
from plimsoll.settings import load_settings

from tests.doubles.bundles import replace_file, rewrite_manifest
from tests.doubles.sentence_encoders import FACTORIES, States, make_encoder, vector_of
from tests.doubles.small_tokenizers import WORDS, tokenizer_file
from tests.integration.conftest import running

TEXTS = ["good film", "Ada the bad film", "a", "naive Ada", "the the the the the"]
IDS = [[4, 6], [12, 7, 5, 6], [8], [11, 12], [7, 7, 7, 7, 7]]
"""The tokens of these texts, without the two that the tokenizer adds."""


def application(models: Path) -> Application:
    return Application(load_settings(models_dir=models, factories=FACTORIES))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    models = tmp_path / "models"
    make_encoder(models, "means")
    make_encoder(models, "states", kind=States)
    async with running(application(models)) as connected:
        yield connected


async def predictions(client: httpx.AsyncClient, name: str, texts: list[str]) -> list[Any]:
    reply = await client.post(f"/v1/models/{name}/predict", json={"instances": texts})
    assert reply.status_code == 200, reply.text
    found: list[Any] = reply.json()["predictions"]
    return found


def vectors(found: list[Any]) -> Any:
    return np.array([each["embedding"] for each in found], np.float32)


@pytest.mark.parametrize("name", ["means", "states"])
async def test_texts_of_any_length_get_the_vectors_that_torch_gives_each_alone(
    client: httpx.AsyncClient, name: str
) -> None:
    together = vectors(await predictions(client, name, TEXTS))
    alone = np.concatenate([vectors(await predictions(client, name, [text])) for text in TEXTS])
    expected = np.stack([vector_of(each) for each in IDS])
    assert np.allclose(alone, expected, atol=1e-5)
    assert np.allclose(together, expected, atol=1e-5)


async def test_every_protocol_gives_the_same_vectors(client: httpx.AsyncClient) -> None:
    expected = await predictions(client, "means", TEXTS)
    openai = await client.post("/openai/v1/embeddings", json={"model": "means", "input": TEXTS})
    assert np.allclose(vectors(openai.json()["data"]), vectors(expected), atol=1e-6)
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [len(TEXTS)], "data": TEXTS}]
    oip = (await client.post("/v2/models/means/infer", json={"inputs": inputs})).json()
    outputs = {each["name"]: each for each in oip["outputs"]}
    assert np.allclose(np.reshape(outputs["embedding"]["data"], outputs["embedding"]["shape"]), vectors(expected))
    assert outputs["tokens"]["data"] == [each["tokens"] for each in expected]


async def test_a_long_request_streams_each_vector_as_it_is_there(client: httpx.AsyncClient) -> None:
    texts = [TEXTS[number % 5] for number in range(100)]
    expected = vectors(await predictions(client, "means", texts))
    body, headers = {"instances": texts}, {"accept": "text/event-stream"}
    reply = await client.post("/v1/models/means/predict", json=body, headers=headers)
    data = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert (data[-1]["rows"], data[-1]["failed"]) == (100, 0)
    found = {each["index"]: each["prediction"]["embedding"] for each in data[:-1]}
    assert np.allclose([found[index] for index in range(100)], expected, atol=1e-5)


async def test_a_wrong_text_is_named_and_nothing_of_it_is_logged(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    text = "the name of the patient"
    for body in ({"input": [text, "\u0301 "]}, {"input": [text, 1]}, {"input": text}):
        await client.post("/openai/v1/embeddings", json={"model": "means", **body})
    assert text not in caplog.text
    reply = await client.post("/v1/models/means/predict", json={"instances": ["good", "\u0301"]})
    assert (reply.status_code, reply.json()["error"]["index"]) == (422, 1)


async def test_another_tokenizer_or_another_length_fails_the_golden_requests(tmp_path: Path) -> None:
    models = tmp_path / "models"
    replace_file(make_encoder(models, "swapped"), "tokenizer.json", tokenizer_file(WORDS[1::-1] + WORDS[2:]))
    rewrite_manifest(make_encoder(models, "longer"), lambda fields: fields["options"].update(normalise=False))
    make_encoder(models, "sound")
    async with running(application(models)) as client:
        for name, ready in (("swapped", False), ("longer", False), ("sound", True)):
            model = (await client.get(f"/v1/models/{name}")).json()
            assert model["ready"] == ready
            assert ready or model["versions"][0]["reason"].startswith("check 'golden' failed: golden request 0")


_INPUTS = st.text(max_size=12) | st.lists(st.text(max_size=12) | st.integers() | st.none(), max_size=4)
_BODIES = st.fixed_dictionaries(
    {"model": st.sampled_from(["means", "states", "ghost", "means:1", "means:x"]) | st.integers(), "input": _INPUTS},
    optional={
        "encoding_format": st.sampled_from(["float", "base64", "hex", 1]),
        "dimensions": st.integers(-1, 40),
        "user": st.text(max_size=4) | st.none(),
        "more": st.none(),
    },
)


async def test_no_body_is_answered_with_a_fault_of_the_server(client: httpx.AsyncClient) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(_BODIES | st.binary(max_size=80))
    def collect(body: Any) -> None:
        bodies.append(body if isinstance(body, bytes) else json.dumps(body).encode())

    bodies: list[bytes] = []
    collect()
    statuses = set()
    for body in bodies:
        reply = await client.post("/openai/v1/embeddings", content=body, headers={"content-type": "application/json"})
        statuses.add(reply.status_code)
        assert reply.status_code in (200, 400, 404), (body, reply.text)
        shape = {"object", "data", "model", "usage"} if reply.status_code == 200 else {"error"}
        assert set(reply.json()) == shape
    assert statuses == {200, 400, 404}
