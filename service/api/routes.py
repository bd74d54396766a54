"""The whole API, in reading order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import orjson
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.api.auth import Gate
from service.api.catalog import Catalog
from service.api.error_responses import ErrorBody, install_error_handlers
from service.api.metrics_endpoint import MetricsEndpoint
from service.api.predict import VERSION_HEADER, PredictV1
from service.api.probes import Probes
from service.fronts.v1_schema import PREDICT_REQUEST_BODY, PredictAnswer

PREDICT_ROUTES = ("/v1/predict", "/v1/models/{name}/predict", "/v1/models/{name}/versions/{version}/predict")
_TAGS = [
    {"name": "predict", "description": "Ask a model."},
    {"name": "models", "description": "See what is served."},
    {"name": "health", "description": "For probes and for people."},
]
_VERSION_HEADER = {VERSION_HEADER: {"description": "The version that answered.", "schema": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class Handlers:
    """Everything that answers; `metrics` is left out where it has a port of its own."""

    gate: Gate
    predict: PredictV1
    catalog: Catalog
    probes: Probes
    metrics: MetricsEndpoint | None


def install_routes(app: FastAPI, handlers: Handlers) -> None:
    """Put every route and the error contract on the application."""
    app.openapi_tags = _TAGS
    catalog, probes = handlers.catalog, handlers.probes

    default, model, version = PREDICT_ROUTES
    _predict(app, default, handlers.predict, "Predict with the default model")
    _predict(app, model, handlers.predict, "Predict with a model", "name")
    _predict(app, version, handlers.predict, "Predict with one version of a model", "name", "version")

    keyed = APIRouter(dependencies=[Depends(handlers.gate.requires("predict"))])
    missing = _errors(401, 403, 404)
    _get(keyed, "/v1/models", catalog.models, "models", "List the models", _errors(401, 403, 422))
    _get(keyed, "/v1/models/{name}", catalog.model, "models", "One model", missing)
    one = "/v1/models/{name}/versions/{version}"
    _get(keyed, one, catalog.version, "models", "One version of a model", missing)

    unready: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready; the body says why."}}
    _get(app, "/v1/health", probes.ready, "health", "Whether the server takes requests", unready)
    detailed = {**unready, **_errors(401, 403)}
    _get(keyed, "/v1/health/detailed", probes.detailed, "health", "Memory, CPU, devices, versions", detailed)
    app.include_router(keyed)
    hung: dict[int | str, dict[str, Any]] = {503: {"description": "A forward pass hangs; restart the process."}}
    _get(app, "/livez", probes.live, "health", "Liveness probe", hung)
    _get(app, "/readyz", probes.ready, "health", "Readiness probe", unready)
    _get(app, "/startupz", probes.started, "health", "Startup probe", unready)

    app.router.routes.insert(
        0, Route("/openapi.json", _PreparedDocument(app), methods=["GET"], include_in_schema=False)
    )
    if handlers.metrics is not None:
        app.add_route("/metrics", handlers.metrics.scrape, methods=["GET"], include_in_schema=False)
    install_error_handlers(app)


class _PreparedDocument:
    """Answers with the OpenAPI document, rendered once: FastAPI renders it for every request, in half a millisecond."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._content = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._content = self._content or orjson.dumps(self._app.openapi())
        await Response(self._content, media_type="application/json")(scope, receive, send)


def _predict(app: FastAPI, path: str, handler: PredictV1, summary: str, *parameters: str) -> None:
    app.add_api_route(
        path,
        _described_only,
        methods=["POST"],
        tags=["predict"],
        summary=summary,
        description="One row of numbers as `features`, or up to 100 as `instances`; errors name the row at fault.",
        operation_id="_".join(("predict", *parameters)),
        response_class=Response,
        responses={
            200: {"model": PredictAnswer, "description": "The predictions.", "headers": _VERSION_HEADER},
            **_errors(400, 401, 403, 404, 408, 413, 415, 422, 429, 500, 503, 504, 507),
        },
        openapi_extra={
            "requestBody": PREDICT_REQUEST_BODY,
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters
            ],
        },
    )
    # FastAPI describes the route and the handler answers it: no model is built for a request, nothing is injected.
    cast("APIRoute", app.routes[-1]).app = handler


async def _described_only() -> None:
    """Never called."""


def _get(
    app: FastAPI | APIRouter,
    path: str,
    endpoint: Callable[..., Any],
    tag: str,
    summary: str,
    responses: dict[int | str, dict[str, Any]],
) -> None:
    app.add_api_route(path, endpoint, methods=["GET"], tags=[tag], summary=summary, responses=responses)


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorBody, "description": "See the error's message."} for status in statuses}
