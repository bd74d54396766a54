"""A client of this service, for the commands that load and measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from semantic_search.retrying import retrying, send
from semantic_search.settings import key_in

_PATIENCE_SECONDS = 600


class Refused(Exception):
    """The service refuses a request; the message says why."""


class SearchClient:
    """Asks the service at a URL; waits while it is busy."""

    def __init__(self, url: str, key_file: Path | None) -> None:
        headers = {} if key_file is None else {"Authorization": f"Bearer {key_in(key_file)}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=_PATIENCE_SECONDS)

    def add(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Add documents."""
        self._ask("/documents", {"documents": documents})

    def search(self, query: str, k: int) -> list[str]:
        """The ids of the nearest documents, best first."""
        return [each["id"] for each in self._ask("/search", {"query": query, "k": k})["results"]]

    def _ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        request = self._client.build_request("POST", path, json=body)
        response = retrying(_PATIENCE_SECONDS)(send, self._client, request)
        if not response.is_success:
            raise Refused(f"{path} answers {response.status_code}: {response.text}")
        answer: dict[str, Any] = response.json()
        return answer
