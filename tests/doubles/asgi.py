"""An ASGI client that shows what an HTTP library hides: single messages, and a client that leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from plimsoll.inference.call import WHOLE_BODY
from starlette.types import ASGIApp, Message, Scope


def http_scope(path: str, method: str = "GET", headers: dict[str, str] | None = None) -> Scope:
    """The scope of one request; to localhost, where `headers` say nothing else."""
    named = {"host": "localhost"} | {name.lower(): value for name, value in (headers or {}).items()}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


class Exchange:
    """One request to an application; `sent` holds what it answered, `read` how many messages it asked for.

    The body comes in the given chunks; the client leaves where a chunk is `None`, or when `leave` is called. Without
    chunks nothing may be read at all. The last chunk ends the body, unless it is not `complete`. A body of one chunk is
    there as a whole, as the server says it by its extension; taking it counts as one message.
    """

    def __init__(
        self, app: ASGIApp, scope: Scope, chunks: Iterable[bytes | None] = (b"",), *, complete: bool = True
    ) -> None:
        self._app = app
        self._scope = scope
        self._chunks = list(chunks)
        self._complete = complete
        self._left = asyncio.Event()
        self.read = 0
        self.sent: list[Message] = []

    async def run(self) -> Exchange:
        """Let the application answer."""
        scope, self._scope = self._scope, {}  # it will refer to this object
        if scope["type"] == "http":
            scope.setdefault("extensions", {WHOLE_BODY: self._whole_body})
        await self._app(scope, self._receive, self._send)
        return self

    def leave(self) -> None:
        """Close the connection."""
        self._left.set()

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer, names in lower case."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.sent[0]["headers"]}

    def _whole_body(self) -> bytes | None:
        if self.read or len(self._chunks) != 1 or not self._complete:
            return None
        self.read = 1
        return self._chunks[0]

    async def _receive(self) -> dict[str, Any]:
        if not self._chunks:
            raise AssertionError("something was read, and nothing should have been")
        if self.read >= len(self._chunks):
            await self._left.wait()
            return {"type": "http.disconnect"}
        chunk = self._chunks[self.read]
        self.read += 1
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": self.read < len(self._chunks) or not self._complete}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
