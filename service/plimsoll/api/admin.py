"""The admin application: it writes the desired state, and the reconciler of every worker applies it."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from plimsoll.api.auth import Gate
from plimsoll.api.bounded_requests import BoundedRequests
from plimsoll.api.catalog import Catalog
from plimsoll.api.documentation import install_documentation, json_reply
from plimsoll.api.error_responses import errors_of, install_error_handlers
from plimsoll.api.json_bodies import require_json
from plimsoll.api.oip_repository import Repository, RepositoryIndex
from plimsoll.api.oip_routes import install_repository_routes
from plimsoll.api.weights_body import parse_weights
from plimsoll.control.desired_state import DesiredState
from plimsoll.control.desired_state_file import DesiredStateFile

_WEIGHTS_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "description": "Percent by version; 100 in all.",
                "minProperties": 1,
                "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 100},
            },
            "examples": {"canary": {"value": {"1": 90, "2": 10}}},
        }
    },
}


class Accepted(BaseModel):
    """The change is in the desired state; /v1/models shows when it has been applied."""

    desired_state: DesiredState = Field(description="All of it, as it now stands.")


class Admin:
    """Handlers of the admin routes. Each returns once the desired state is on disk."""

    def __init__(self, file: DesiredStateFile) -> None:
        self._file = file

    def load(
        self,
        name: str,
        version: str,
        *,
        force: Annotated[bool, Query(description="Even if its signature is another one.")] = False,
    ) -> Accepted:
        """Serve a version in addition to the others; it gets no requests by weight until it has a weight."""
        return Accepted(desired_state=self._file.load(name, version, force=force))

    def unload(self, name: str, version: str) -> Accepted:
        """Drain a version and unload it."""
        return Accepted(desired_state=self._file.unload(name, version))

    def reload(self, name: str, version: str) -> Accepted:
        """Load a version again from disk; the loaded one keeps serving until the new one is ready, or if it fails."""
        return Accepted(desired_state=self._file.reload(name, version))

    async def weigh(self, name: str, request: Request) -> Accepted:
        """Set the weights by which requests that pin no version are split."""
        weights = parse_weights(await request.body())
        return Accepted(desired_state=await run_in_threadpool(self._file.weigh, name, weights))


def admin_application(
    gate: Gate, admin: Admin, catalog: Catalog, version: str, repository: Repository, index: RepositoryIndex
) -> FastAPI:
    """An application for a port that only operators reach; if API keys are set, every path requires scope admin."""
    app = FastAPI(
        title="Plimsoll admin",
        version=version,
        openapi_url=None,  # FastAPI's own pages load their scripts from another origin
        redirect_slashes=False,  # a redirect would use the Host that the client has sent
        dependencies=[Depends(require_json)],
    )
    app.add_middleware(BoundedRequests, gate=gate, key_scope="admin")
    v1 = APIRouter(responses=errors_of(400, 401, 403, 404, 408, 409, 413, 415, 422))
    one = "/v1/models/{name}/versions/{version}"
    v1.add_api_route(f"{one}/load", admin.load, methods=["POST"], status_code=202)
    v1.add_api_route(f"{one}/unload", admin.unload, methods=["POST"], status_code=202)
    v1.add_api_route(f"{one}/reload", admin.reload, methods=["POST"], status_code=202)
    v1.add_api_route(
        "/v1/models/{name}/weights",
        admin.weigh,
        methods=["PUT"],
        status_code=202,
        openapi_extra={"requestBody": _WEIGHTS_BODY},
    )
    v1.add_api_route("/v1/models", catalog.models, methods=["GET"])
    v1.add_api_route("/v1/models/{name}", catalog.model, methods=["GET"])
    app.include_router(v1)
    install_repository_routes(app, repository, index)

    async def document(_: Request) -> Response:
        return json_reply(orjson.dumps(app.openapi()))

    install_documentation(app, document)
    install_error_handlers(app)
    return app
