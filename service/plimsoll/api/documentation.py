"""Serves the API's documentation pages, Swagger UI and ReDoc, with every file that they load."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from plimsoll.errors import NotFound
from plimsoll.inference.call import call_of

PAGES_FOLDER = Path(__file__).with_name("pages")
"""The pages and their files; `vendored.json` lists the vendored ones with their versions."""
_PIECE_BYTES = 1 << 16
_EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
"""The hash of an empty <style>, which styled-components fills by script; it allows no other text."""
_SCROLLBAR_STYLE = "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
"""The hash of the one <style> with text that ReDoc 2.5 inserts, for its scroll bars."""
_STYLES = {"docs": "'self'", "redoc": f"'self' {_EMPTY_STYLE} {_SCROLLBAR_STYLE}"}
"""The sources from which each page may take styles."""


def install_documentation(app: FastAPI, document: Callable[[Request], Awaitable[Response]]) -> None:
    """Serve `document` as /openapi.json, and the pages /docs and /redoc, which show it.

    The pages use relative URLs, so that they work behind any path prefix. A content security policy lets the browser
    load files of this origin only, and run no inline script.
    """
    routes = [_NamedRoute("/openapi.json", document, methods=["GET"], include_in_schema=False)]
    for name, styles in _STYLES.items():
        content = (PAGES_FOLDER / f"{name}.html").read_bytes()
        page = _File(content, "text/html", {"content-security-policy": _policy(styles)})
        routes.append(_NamedRoute(f"/{name}", page, methods=["GET"], include_in_schema=False))
    routes.append(_NamedRoute("/docs/{file:path}", _files(), methods=["GET"], include_in_schema=False))
    app.router.routes.extend(routes)


def json_reply(content: bytes) -> Response:
    """A JSON document, sent in pieces and never cached, because it depends on the client's key and on the time."""
    return _in_pieces(content, "application/json", {"cache-control": "no-store"})


class _NamedRoute(Route):
    """A route that appears in the access log by its name, like the routes of FastAPI."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it answers, and what it adds to the scope."""
        match, added = super().matches(scope)
        return match, {**added, "route": self}


class _File:
    """Answers with one file, or with 304 if the client has it already.

    It keeps the content in memory, because an open file for each slow client would use up file descriptors.
    """

    def __init__(self, content: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> None:
        self._content = content
        self._media_type = media_type
        self._etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        self._headers = {"cache-control": "no-cache", "etag": self._etag, **(headers or {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        held = call_of(scope).head.get(b"if-none-match") or ""
        if self._etag in held or held.strip() == "*":
            reply = Response(status_code=HTTPStatus.NOT_MODIFIED, headers=self._headers)
        else:
            reply = _in_pieces(self._content, self._media_type, self._headers)
        await reply(scope, receive, send)


class _Files:
    """Answers with the file of a folder that the path names."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _File(
                path.read_bytes(), mimetypes.guess_type(path.name)[0] or "text/plain"
            )
            for path in folder.rglob("*")
            if path.is_file()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raises `NotFound` if the file does not exist."""
        file = self._files.get(scope["path_params"]["file"])
        if file is None:
            raise NotFound("there is no such file; /docs and /redoc name all that there are")
        await file(scope, receive, send)


@cache
def _files() -> _Files:
    """The files of the pages, read once for all applications of the process, because they take three megabytes."""
    return _Files(PAGES_FOLDER / "docs")


def _policy(styles: str) -> str:
    return (
        f"default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _in_pieces(content: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """An answer that is sent in pieces, so that a slow client makes the server buffer one piece and not the whole."""
    return StreamingResponse(
        _pieces(content), headers={"content-length": str(len(content)), **headers}, media_type=media_type
    )


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PIECE_BYTES):
        yield content[start : start + _PIECE_BYTES]
