"""The application: builds each part once and joins them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from semantic_search.database import Database, open_database
from semantic_search.documents import Documents
from semantic_search.edge import Edge, error_response
from semantic_search.embedder import Embedder
from semantic_search.errors import InvalidInput, InvalidJson, SearchError
from semantic_search.keys import Keys
from semantic_search.routes import Routes
from semantic_search.settings import Settings

_PAGE = Path(__file__).with_name("page.html")
_LONGEST_MESSAGE = 500


def create_app(settings: Settings) -> FastAPI:
    """The application with these settings; it opens the database at once.

    Raises:
        WrongDatabase: the database cannot be used.
    """
    database = open_database(settings.database_url, settings.model, settings.dimensions)
    embedder = Embedder(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        embedder.close()
        database.close()

    app = FastAPI(title="Semantic search", version="1", lifespan=lifespan)
    documents = Documents(database, settings.dimensions, settings.max_documents)
    app.include_router(Routes(documents, embedder, Keys(settings.key_file)).router)
    app.add_api_route("/livez", _alive, include_in_schema=False)
    app.add_api_route("/readyz", partial(_ready, database), include_in_schema=False)
    app.add_api_route("/", _page_route(), include_in_schema=False)
    app.add_middleware(Edge)
    app.add_exception_handler(SearchError, _search_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    return app


async def _alive() -> Response:
    return PlainTextResponse("ok")


def _ready(database: Database) -> Response:
    """Without Plimsoll documents can be read and deleted still, so that it does not decide about readiness."""
    with database.transaction() as connection:
        connection.exec_driver_sql("SELECT 1")
    return PlainTextResponse("ok")


def _page_route() -> partial[Response]:
    page = _PAGE.read_text(encoding="utf-8")
    sources = {
        kind: " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'"
            for each in re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        )
        for kind in ("script", "style")
    }
    policy = (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return partial(_page, page, policy)


def _page(page: str, policy: str) -> Response:
    return HTMLResponse(page, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})


async def _search_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, SearchError)  # noqa: S101  # it is registered for nothing else
    return error_response(error)


async def _invalid(_: Request, error: Exception) -> Response:
    """Names the place of the first fault and what was expected there, and never repeats what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # it is registered for nothing else
    first = error.errors()[0]
    place = ".".join(str(each) for each in first["loc"][1:]) or "the body"
    if first["type"] == "json_invalid":
        return error_response(InvalidJson("the body is not JSON"))
    return error_response(InvalidInput(f"{place}: {first['msg']}"[:_LONGEST_MESSAGE]))


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for nothing else
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    body = {"error": {"code": code, "message": error.detail}}
    return JSONResponse(body, error.status_code, error.headers)
