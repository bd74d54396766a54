"""API keys of clients, from a file."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from semantic_search.errors import Unauthorized, Unavailable

_bearer = HTTPBearer(auto_error=False, description="A key from the file of SEARCH_KEY_FILE.")


class Keys:
    """The keys in a file, one a line; the file is read for each request, so that a changed one counts at once."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def check(self, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> None:
        """Let a request with a known key pass, and any request where there is no file.

        Raises:
            Unauthorized: the request has no key, or an unknown one.
            Unavailable: the file cannot be read.
        """
        if self._path is None:
            return
        if credentials is None:
            raise Unauthorized("this needs an API key", expected="Authorization: Bearer KEY")
        given = credentials.credentials.encode()
        try:
            known = self._path.read_bytes().split()
        except OSError as error:
            raise Unavailable("keys_unavailable", "the file of the API keys cannot be read") from error
        if not sum(hmac.compare_digest(given, each) for each in known):  # a sum compares every key
            raise Unauthorized("the API key is not known")
