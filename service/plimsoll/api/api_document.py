"""The OpenAPI document: the routes, and the schemas of each model that answers."""

from __future__ import annotations

import copy
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import Scope

from plimsoll.api.auth import Gate
from plimsoll.api.documentation import json_reply
from plimsoll.api.loaded_models import describe_loaded
from plimsoll.api.path_prefix import PathPrefix
from plimsoll.control.version_registry import VersionRegistry
from plimsoll.errors import ClientError, Loading, NoDefaultModel
from plimsoll.inference.call import call_of

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, as `Authorization: Bearer <key>`."},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same API key."},
}
_OPEN = "This server has no key file: whoever can reach it may ask it, and no route asks for an API key."
_LOCKED = (
    "Routes with a lock ask for an API key with scope `predict`, in one of two headers. Models are described here to "
    "those who show such a key when they read this document."
)


class ApiDocument:
    """Answers GET /openapi.json.

    The document describes the loaded versions, and is rendered once for each set of them. If API keys are required, it
    lists models only for clients whose key may use them.
    """

    def __init__(self, app: FastAPI, gate: Gate, registry: VersionRegistry, prefix: PathPrefix) -> None:
        self._app = app
        self._gate = gate
        self._registry = registry
        self._prefix = prefix
        self._rendered: dict[bool, tuple[tuple[object, ...], bytes]] = {}
        """The newest rendering with models and the newest one without, each with the state that it describes."""

    async def reply(self, request: Request) -> Response:
        """Answer one request."""
        scope = request.scope
        return json_reply(self.rendered(self._prefix.of(scope), with_models=self._may_ask(scope)))

    def rendered(self, prefix: str = "", *, with_models: bool = True) -> bytes:
        """The document as JSON, for a server that a proxy publishes under `prefix`."""
        servers = orjson.dumps({"servers": [{"url": prefix or "/"}]})
        return servers[:-1] + b"," + self._without_servers(with_models)[1:]

    def _without_servers(self, with_models: bool) -> bytes:  # noqa: FBT001  # as `rendered` was asked
        answering = self._registry.answering() if with_models else []
        loaded = tuple((each.name, each.version, each.report and each.report.digest) for each in answering)
        default = self._default() if with_models else None
        # Digests and not the versions themselves, because this must not keep the weights of a retired version alive.
        made_of = (self._gate.ring is None, default, loaded)
        kept = self._rendered.get(with_models)
        if kept is not None and kept[0] == made_of:
            return kept[1]
        document = self._of_routes()
        if answering:
            describe_loaded(document, answering, default)
        content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        self._rendered[with_models] = (made_of, content)
        return content

    def _of_routes(self) -> dict[str, Any]:
        document = copy.deepcopy(self._app.openapi())
        document["info"]["description"] = _OPEN if self._gate.ring is None else _LOCKED
        document["components"]["securitySchemes"] = _SCHEMES
        if self._gate.ring is not None:
            for path in document["paths"].values():
                for operation in path.values():
                    if "401" in operation["responses"]:
                        operation["security"] = [{scheme: []} for scheme in _SCHEMES]
        return document

    def _may_ask(self, scope: Scope) -> bool:
        try:
            self._gate.check(call_of(scope), "predict")
        except ClientError:
            return False
        return True

    def _default(self) -> str | None:
        try:
            return self._registry.table.default()
        except (NoDefaultModel, Loading):
            return None
