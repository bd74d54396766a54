"""The client of OpenAI, with nothing changed but its base URL and its key."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
from plimsoll.access.keys import new_key

from tests.clients.client_process import REPOSITORY, ClientProcess, ClientRaised
from tests.doubles.sentence_encoders import FACTORIES, make_encoder
from tests.integration.served_process import ServedProcess

NAME = "sentences"
TEXTS = ["good film", "the bad film", "Ada"]


@dataclass(frozen=True)
class Asked:
    """A server that asks for a key, and the client that has it."""

    client: ClientProcess
    url: str
    key: str

    def __call__(self, function: str, *arguments: Any, **options: Any) -> Any:
        """What the client returns."""
        return self.client(function, f"{self.url}/openai/v1", self.key, *arguments, **options)

    def embeddings(self, **options: Any) -> Any:
        """The answer to a request for embeddings."""
        return self("embeddings", **{"model": NAME, "input": TEXTS, **options})

    def predictions(self, texts: list[str]) -> Any:
        """The predictions of /v1."""
        path = f"{self.url}/v1/models/{NAME}/predict"
        reply = httpx.post(path, json={"instances": texts}, headers={"x-api-key": self.key}, timeout=30)
        return reply.json()["predictions"]


@pytest.fixture(scope="module")
def openai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A server of two versions of a small encoder and of the digits."""
    models = tmp_path_factory.mktemp("openai") / "models"
    shutil.copytree(REPOSITORY / "models" / "digits" / "1", models / "digits" / "1")
    for version in ("1", "2"):
        make_encoder(models, NAME, version)
    desired = models.with_name("desired-state.yaml")
    versions = '[{version: "1"}, {version: "2"}]'
    desired.write_text(
        f'models: [{{name: digits, versions: [{{version: "1"}}]}}, {{name: {NAME}, versions: {versions}}}]'
    )
    key, digest = new_key()
    keys = models.with_name("keys.yaml")
    keys.write_text(f"keys: [{{label: openai, sha256: {digest}, scopes: [predict]}}]")
    process = ServedProcess(models=models)
    process.start(
        PYTHONPATH=str(REPOSITORY),
        PLIMSOLL_FACTORIES=",".join(FACTORIES),
        PLIMSOLL_DESIRED_STATE=str(desired),
        PLIMSOLL_KEYS_FILE=str(keys),
    )
    client = ClientProcess("openai_client")
    yield Asked(client, process.ready(), key)
    client.close()
    process.kill()


@pytest.mark.parametrize("form", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
def test_openai_embeddings_are_those_of_v1(openai: Asked, form: dict[str, str]) -> None:
    found = openai.embeddings(**form)
    expected = openai.predictions(TEXTS)
    vectors = [each["embedding"] for each in found["data"]]
    if form.get("encoding_format") == "base64":  # who asks for it decodes it
        vectors = [np.frombuffer(base64.b64decode(each), "<f4").tolist() for each in vectors]
    assert np.allclose(vectors, [each["embedding"] for each in expected], atol=1e-6)
    assert found["model"] == f"{NAME}:2"
    assert found["usage"]["total_tokens"] == sum(each["tokens"] for each in expected)


def test_openai_one_text(openai: Asked) -> None:
    (one,) = openai.embeddings(input=TEXTS[1])["data"]
    (_, again, _) = openai.embeddings()["data"]
    assert np.allclose(one["embedding"], again["embedding"], atol=1e-6)


def test_openai_many_requests_at_once(openai: Asked) -> None:
    texts = [f"{text} {'the ' * number}" for number in range(8) for text in TEXTS]
    answers = openai("embeddings_at_once", texts, model=NAME)
    expected = openai.predictions(texts)
    for answer, prediction in zip(answers, expected, strict=True):
        assert np.allclose(answer["data"][0]["embedding"], prediction["embedding"], atol=1e-5)
        assert answer["data"][0].get("tokens_cut", 0) == prediction["tokens_cut"]


def test_openai_version(openai: Asked) -> None:
    options = {"model": NAME, "input": "good"}
    assert openai("version_of", **options) == "2"
    assert openai("version_of", **{**options, "model": f"{NAME}:1"}) == "1"
    assert openai("version_of", **options, extra_headers={"x-plimsoll-version": "1"}) == "1"
    assert openai("version_of", **options, user="ann") == openai("version_of", **options, user="ann")


def test_openai_models(openai: Asked) -> None:
    assert [each["id"] for each in openai("models")] == [NAME]
    assert openai("model", f"{NAME}:1")["id"] == f"{NAME}:1"
    with pytest.raises(ClientRaised, match="makes no embeddings") as raised:
        openai("model", "digits")
    assert raised.value.kind == "NotFoundError"


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"model": "ghost"}, "NotFoundError", "no model 'ghost'"),
        ({"model": "digits"}, "BadRequestError", "makes no embeddings"),
        ({"input": ["good", ""]}, "BadRequestError", "text 1 is empty;"),
        ({"input": [5, 6]}, "BadRequestError", "ids of tokens"),
        ({"input": []}, "BadRequestError", "1 to 100 texts"),
        ({"dimensions": 8}, "BadRequestError", "16 dimensions"),
        ({"extra_headers": {"x-request-timeout-ms": "soon"}}, "BadRequestError", "X-Request-Timeout-Ms"),
        ({"extra_body": {"truncate": True}}, "BadRequestError", "'truncate'"),
    ],
)
def test_openai_errors(openai: Asked, options: dict[str, Any], kind: str, words: str) -> None:
    with pytest.raises(ClientRaised, match=words) as raised:
        openai.embeddings(**options)
    assert raised.value.kind == kind


def test_openai_keys(openai: Asked) -> None:
    with pytest.raises(ClientRaised, match="this API key is not known") as raised:
        openai.client("embeddings", f"{openai.url}/openai/v1", "wrong", model=NAME, input="good")
    assert raised.value.kind == "AuthenticationError"
    with pytest.raises(ClientRaised) as listed:
        openai.client("models", f"{openai.url}/openai/v1", "wrong")
    assert listed.value.kind == "AuthenticationError"
