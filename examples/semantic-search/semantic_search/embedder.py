"""Embeddings of texts, from Plimsoll over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import numpy as np

from semantic_search.errors import InvalidInput, Unavailable
from semantic_search.limits import CALLS_AT_ONCE, TEXTS_A_CALL
from semantic_search.retrying import Away, retrying, send
from semantic_search.settings import key_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from semantic_search.settings import Settings

VERSION_HEADER = "x-plimsoll-version"
TIMEOUT_HEADER = "x-request-timeout-ms"
"""Plimsoll computes nothing for a request whose time is over."""
_CODE = "embedder_unavailable"
_CONNECT_SECONDS = 2
_WRONG_SET_UP_SECONDS = 30
"""Retry-After where only a person can help."""


@dataclass(frozen=True)
class Embeddings:
    """One normalised float32 row a text, and the version of the model that computed them.

    `tokens_cut` counts the tokens at the end of each text that the model has not read, because it was too long.
    """

    vectors: NDArray[np.float32]
    tokens_cut: list[int]
    version: str


class Embedder:
    """Asks Plimsoll for embeddings, in batches, with retries, and with a bound on the calls at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = httpx.Client(base_url=str(settings.plimsoll_url))
        version = settings.model_version
        self._asked_model = settings.model if version is None else f"{settings.model}:{version}"
        self._calls = threading.BoundedSemaphore(CALLS_AT_ONCE)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """The embeddings of at least one text.

        Raises:
            InvalidInput: Plimsoll refuses a text.
            Unavailable: Plimsoll does not answer in time, or cannot embed texts with these settings.
        """
        end = time.monotonic() + self._settings.embed_seconds
        batches = [texts[start : start + TEXTS_A_CALL] for start in range(0, len(texts), TEXTS_A_CALL)]
        with self._a_call():
            found = [self._embed_batch(batch, end) for batch in batches]
        versions = {each.version for each in found}
        if len(versions) > 1:
            raise Unavailable(_CODE, f"two versions of the model {self._settings.model} answered; set a version")
        cut = [tokens for each in found for tokens in each.tokens_cut]
        return Embeddings(np.concatenate([each.vectors for each in found]), cut, versions.pop())

    @contextmanager
    def _a_call(self) -> Iterator[None]:
        if not self._calls.acquire(blocking=False):
            raise Unavailable("overloaded", f"{CALLS_AT_ONCE} requests wait for embeddings already")
        try:
            yield
        finally:
            self._calls.release()

    def _embed_batch(self, texts: Sequence[str], end: float) -> Embeddings:
        try:
            response = retrying(end - time.monotonic())(self._attempt, texts, end)
        except Away as away:
            raise Unavailable(_CODE, f"Plimsoll cannot be asked now: {away}", away.retry_after or 1) from away
        if response.status_code != httpx.codes.OK:
            raise self._refusal(response)
        try:
            data = response.json()["data"]
            vectors = np.array([each["embedding"] for each in data], np.float32)
            cut = [int(each.get("tokens_cut", 0)) for each in data]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            message = "Plimsoll's answer holds no embeddings"
            raise Unavailable(_CODE, message, _WRONG_SET_UP_SECONDS) from error
        return Embeddings(self._checked(vectors, len(texts)), cut, response.headers.get(VERSION_HEADER, ""))

    def _attempt(self, texts: Sequence[str], end: float) -> httpx.Response:
        left = max(0.1, end - time.monotonic())
        headers = {TIMEOUT_HEADER: str(int(left * 1000)), **self._authorization()}
        request = self._client.build_request(
            "POST",
            "/openai/v1/embeddings",
            json={"model": self._asked_model, "input": list(texts)},
            headers=headers,
            timeout=httpx.Timeout(left, connect=min(left, _CONNECT_SECONDS)),
        )
        return send(self._client, request)

    def _authorization(self) -> dict[str, str]:
        file = self._settings.plimsoll_key_file
        try:
            return {} if file is None else {"Authorization": f"Bearer {key_in(file)}"}
        except (OSError, UnicodeError) as error:
            message = "the file of the key for Plimsoll cannot be read"
            raise Unavailable("keys_unavailable", message, _WRONG_SET_UP_SECONDS) from error

    def _refusal(self, response: httpx.Response) -> InvalidInput | Unavailable:
        reason, parameter = _reason(response)
        if parameter.startswith("input["):
            return InvalidInput(f"the model {self._settings.model} refuses a text: {reason}")
        message = f"Plimsoll answers {response.status_code} for the model {self._asked_model}: {reason}"
        return Unavailable(_CODE, message, _WRONG_SET_UP_SECONDS)

    def _checked(self, vectors: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
        expected = (rows, self._settings.dimensions)
        if vectors.shape != expected:
            message = f"{expected} numbers were expected from the model, and its answer has {vectors.shape}"
            raise Unavailable(_CODE, f"{message}; SEARCH_DIMENSIONS must fit the model", _WRONG_SET_UP_SECONDS)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.all(np.isfinite(lengths)) or np.any(lengths == 0):
            raise Unavailable(_CODE, "the model gives an embedding without a direction", _WRONG_SET_UP_SECONDS)
        normalised: NDArray[np.float32] = vectors / lengths
        return normalised


def _reason(response: httpx.Response) -> tuple[str, str]:
    """The message of a refusal, and the part of the request that it names."""
    try:
        error = response.json()["error"]
        return str(error["message"]), str(error.get("param"))
    except (AttributeError, KeyError, TypeError, ValueError):
        return "no reason is given", ""
