"""MiniLM from its package to vectors over HTTP, which are those of the published weights in float32."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from plimsoll.application import Application
from plimsoll.settings import load_settings
from tokenizers import Tokenizer

from tests.doubles.servers import served
from training.minilm import FOLDER, LONGEST, NAME, encoder_of, make_minilm
from training.minilm_encoder import MiniLM
from training.minilm_package import WHEEL, Published, published
from training.packages import DataError

pytestmark = pytest.mark.timeout(900)
SECONDS = 300
LEAST_COSINE = 0.999
TEXTS = [
    "How do I send a parcel to another country?",
    "Posting a package abroad",
    "The harbour freezes over in the winters of this region.",
    "a",
    "É́mile 東京 😀 ﷽",
    "A long sentence about rivers, lakes and the sea. " * 12,
    "Words beyond the end " * 200,
]


@pytest.fixture(scope="module")
def package() -> Published:
    return published(FOLDER)


@pytest.fixture(scope="module")
def url(package: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    models = tmp_path_factory.mktemp("models")
    make_minilm(models, package)
    with served(Application(load_settings(models_dir=models, start_seconds=SECONDS)).asgi, SECONDS) as address:
        yield address


def reference(package: Published, texts: list[str]) -> tuple[NDArray[np.float32], list[int]]:
    """The vectors that torch gives each text alone, and their tokens before anything is cut."""
    tokenizer = Tokenizer.from_str(package.tokenizer.decode())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    module: MiniLM = encoder_of(package)
    found, counts = [], []
    for text in texts:
        ids = tokenizer.encode(text).ids
        counts.append(len(ids))
        read = torch.tensor([ids if len(ids) <= LONGEST else [*ids[: LONGEST - 1], ids[-1]]])
        with torch.inference_mode():
            found.append(module(read, torch.ones_like(read))[0].numpy())
    return np.stack(found), counts


def ask(url: str, texts: list[str]) -> list[Any]:
    body = {"model": NAME, "input": texts}
    reply = httpx.post(f"{url}/openai/v1/embeddings", json=body, timeout=SECONDS)
    assert reply.status_code == httpx.codes.OK, reply.text
    found: list[Any] = reply.json()["data"]
    return found


def test_the_served_vectors_are_those_of_the_published_weights(url: str, package: Published) -> None:
    expected, counts = reference(package, TEXTS)
    together = np.array([each["embedding"] for each in ask(url, TEXTS)])
    alone = np.array([ask(url, [text])[0]["embedding"] for text in TEXTS])
    for served_ in (together, alone):
        assert np.linalg.norm(served_, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
        assert (served_ * expected).sum(1).min() >= LEAST_COSINE
    cut = [max(0, count - LONGEST) for count in counts]
    assert [each.get("tokens_cut", 0) for each in ask(url, TEXTS)] == cut
    assert max(cut) > 0


def test_like_texts_lie_nearer_than_unlike_ones(url: str) -> None:
    parcel, package_, harbour = (np.array(each["embedding"]) for each in ask(url, TEXTS[:3]))
    assert parcel @ package_ > 0.5
    assert abs(parcel @ harbour) < 0.2


def test_a_package_that_was_changed_is_refused(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"another wheel")
    with pytest.raises(DataError, match="the SHA-256 of"):
        published(tmp_path)
