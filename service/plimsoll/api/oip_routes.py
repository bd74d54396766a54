"""The routes of the Open Inference Protocol except inference: health, metadata, statistics and the repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from fastapi import Depends, FastAPI, params
from fastapi.routing import APIRoute

from plimsoll.api.auth import Gate
from plimsoll.api.bounded_requests import BoundedRequests
from plimsoll.api.error_responses import errors_of
from plimsoll.api.oip_catalog import OipCatalog
from plimsoll.api.oip_health import OipHealth
from plimsoll.api.oip_repository import Repository, RepositoryIndex
from plimsoll.api.oip_statistics import OipStatistics
from plimsoll.fronts.oip_schema import OipError

_HEALTH, _PROTOCOL = "health", "open inference protocol"
_MODEL = "/v2/models/{name}"
_VERSION = "/v2/models/{name}/versions/{version}"
_INDEX = "/v2/repository/index"
_KEY = (401, 403)
_ANSWERS = (*_KEY, 404, 503)
"""The statuses of routes that need a version that answers."""
_BODY = (400, *_KEY, 408, 413)
_INDEX_BODY: dict[str, Any] = {
    "required": False,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"ready": {"type": "boolean", "description": "Only versions that answer."}},
            },
            "examples": {"all": {"value": {}}, "ready": {"value": {"ready": True}}},
        }
    },
}
_LOAD_BODY: dict[str, Any] = {
    "required": False,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"parameters": {"type": "object", "properties": {"version": {"type": "string"}}}},
            },
            "examples": {"highest": {"value": {}}, "one": {"value": {"parameters": {"version": "2"}}}},
        }
    },
}


@dataclass(frozen=True, slots=True)
class OipHandlers:
    """The handlers of the main port."""

    health: OipHealth
    catalog: OipCatalog
    statistics: OipStatistics
    index: RepositoryIndex


class _Route(NamedTuple):
    """A route, with the statuses of its errors."""

    path: str
    endpoint: Callable[..., Any]
    summary: str
    statuses: tuple[int, ...]
    tag: str = _PROTOCOL


def install_oip_routes(app: FastAPI, handlers: OipHandlers, gate: Gate) -> None:
    """Install the routes of the main port. All but the health routes ask for a key with scope predict."""
    catalog, statistics = handlers.catalog, handlers.statistics
    for route in (
        _Route("/v2/health/live", handlers.health.live, "Whether the server is live", (503,), _HEALTH),
        _Route("/v2/health/ready", handlers.health.ready, "Whether the server is ready", (503,), _HEALTH),
    ):
        _add(app, route)
    keyed = [Depends(gate.requires("predict"))]
    for route in (
        _Route("/v2", catalog.server, "The server and its extensions", _KEY),
        _Route("/v2/models", catalog.models, "The names of the models", _KEY),
        _Route("/v2/models/stats", statistics.all_models, "Statistics of all models", _KEY),
        *_of_model("", catalog.model, "Tensors"),
        *_of_model("/ready", catalog.ready, "Readiness"),
        *_of_model("/config", catalog.config, "Configuration for Triton's tools"),
        *_of_model("/stats", statistics.model, "Statistics"),
    ):
        _add(app, route, keyed)
    app.add_api_route("/v2/", catalog.server, methods=["GET"], dependencies=keyed, include_in_schema=False)
    answering = _add_index(app, handlers.index)
    # Checks the key and bounds the body, which FastAPI alone would read without a limit.
    answering.app = BoundedRequests(answering.app, gate, "predict")


def install_repository_routes(app: FastAPI, repository: Repository, index: RepositoryIndex) -> None:
    """Install the routes of the admin port, whose application checks keys and bounds bodies."""
    one = "/v2/repository/models/{name}"
    statuses = (*_BODY, 404, 409, 415, 503, 504)
    _add_post(app, _Route(f"{one}/load", repository.load, "Load a model", statuses), _LOAD_BODY)
    _add_post(app, _Route(f"{one}/unload", repository.unload, "Unload a model", statuses), None)
    _add_index(app, index)


def _of_model(end: str, endpoint: Callable[..., Any], what: str) -> tuple[_Route, _Route]:
    """The two routes of a handler: for a model, and for one version of it."""
    return (
        _Route(_MODEL + end, endpoint, f"{what} of a model", _ANSWERS),
        _Route(_VERSION + end, endpoint, f"{what} of one version of a model", _ANSWERS),
    )


def _add_index(app: FastAPI, index: RepositoryIndex) -> APIRoute:
    """Add one route for both methods, so that `Allow` names both; the two that describe it answer nothing."""
    app.add_api_route(_INDEX, index.listed, methods=["GET", "POST"], include_in_schema=False)
    answering = cast("APIRoute", app.routes[-1])
    _add(app, _Route(_INDEX, index.listed, "The versions and their states", _BODY))
    _add_post(app, _Route(_INDEX, index.listed, "The versions that answer, or all", (*_BODY, 415)), _INDEX_BODY)
    return answering


def _add(
    app: FastAPI,
    route: _Route,
    dependencies: Sequence[params.Depends] = (),
    method: str = "GET",
    body: dict[str, Any] | None = None,
) -> None:
    # The handlers read the parameters of the path from the request, because FastAPI answers wrong ones with 422.
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    app.add_api_route(
        route.path,
        route.endpoint,
        methods=[method],
        dependencies=dependencies,
        tags=[route.tag],
        summary=route.summary,
        responses=errors_of(*route.statuses, body=OipError),
        openapi_extra={"parameters": named, **({"requestBody": body} if body else {})},
    )


def _add_post(app: FastAPI, route: _Route, body: dict[str, Any] | None) -> None:
    _add(app, route, method="POST", body=body)
