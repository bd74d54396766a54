"""The way to the hot handler, past the router and the middleware of everything else."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

PREDICT_ROUTES = ("/v1/predict", "/v1/models/{name}/predict", "/v1/models/{name}/versions/{version}/predict")
_PREDICT = "/predict"


class PredictRoutes:
    """Hands a POST to one of the `templates` to `predict`, with its `path_params`, and anything else to `app`.

    The route is kept in the scope's state, for the access line and for traces.
    """

    def __init__(self, app: ASGIApp, predict: ASGIApp, templates: Iterable[str]) -> None:
        self._app = app
        self._predict = predict
        compiled = [(template, compile_path(template)[0]) for template in templates]
        self._plain = {template for template, _ in compiled if "{" not in template}
        self._named = [(template, regex) for template, regex in compiled if "{" in template]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on whatever else it is."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith(_PREDICT):
            path: str = scope["path"]
            if path in self._plain:
                await self._answer(path, {}, scope, receive, send)
                return
            for template, regex in self._named:
                if found := regex.match(path):
                    await self._answer(template, found.groupdict(), scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _answer(self, route: str, named: dict[str, str], scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        scope["path_params"] = named
        scope.setdefault("state", {})["route"] = route
        return self._predict(scope, receive, send)
