"""The table of the routes that fronts answer. Their requests bypass FastAPI's router and middleware."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from functools import lru_cache, partial
from re import Pattern
from typing import NamedTuple

from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from plimsoll.api.session_route import SESSION
from plimsoll.fronts import KSERVE_V1, OPENAI, V1, V2
from plimsoll.inference.call import begin_call, call_of
from plimsoll.inference.ports import Front


class FrontRoute(NamedTuple):
    """A POST route that one of several fronts answers; names in braces are parts of the path."""

    template: str
    fronts: Sequence[Front]
    summary: str


V1_ROUTES = (
    FrontRoute("/v1/predict", V1, "Predict with the default model"),
    FrontRoute("/v1/models/{name}/predict", V1, "Predict with a model"),
    FrontRoute("/v1/models/{name}/versions/{version}/predict", V1, "Predict with one version of a model"),
)
V2_ROUTES = (
    FrontRoute("/v2/models/{name}/infer", V2, "Ask a model for tensors"),
    FrontRoute("/v2/models/{name}/versions/{version}/infer", V2, "Ask one version of a model for tensors"),
)
KSERVE_V1_ROUTES = (FrontRoute("/v1/models/{name}:predict", KSERVE_V1, "Predict with a model, as KServe's v1 does"),)
OPENAI_ROUTES = (FrontRoute("/openai/v1/embeddings", OPENAI, "Embeddings, as OpenAI's API makes them"),)
FRONT_ROUTES = V1_ROUTES + V2_ROUTES + KSERVE_V1_ROUTES + OPENAI_ROUTES

_SESSION = compile_path(SESSION)[0]
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 256, 256
"""Paths that are remembered with their routes, and the characters of the longest of them; clients can send any."""


class _Match(NamedTuple):
    """A template and its handler, with the parts of a path that it names."""

    template: str
    handler: ASGIApp
    named: Mapping[str, str]


class FrontRoutes:
    """Creates the call of a POST to one of the templates and hands it to its handler; passes the rest to `app`.

    WebSockets at the path of sessions go to `sessions`.
    """

    def __init__(self, app: ASGIApp, handlers: Mapping[str, ASGIApp], sessions: ASGIApp | None = None) -> None:
        self._app = app
        self._sessions = app if sessions is None else sessions
        self._plain = {template: handler for template, handler in handlers.items() if "{" not in template}
        named = [
            (template, compile_path(template)[0], handler) for template, handler in handlers.items() if "{" in template
        ]
        self._match = partial(_match, named)
        self._remembered_match = lru_cache(_MOST_REMEMBERED)(self._match)
        self._ends = tuple({template.rpartition("}")[2] for template in handlers})

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request; passes other ASGI scopes to `app`. It is no coroutine, which would cost each request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            if (handler := self._plain.get(path)) is not None:
                return _answer(handler, path, {}, scope, receive, send)
            if path.endswith(self._ends):
                match = self._remembered_match if len(path) <= _LONGEST_REMEMBERED else self._match
                if (matched := match(path)) is not None:
                    return _answer(matched.handler, matched.template, matched.named, scope, receive, send)
        elif scope["type"] == "websocket" and (found := _SESSION.match(scope["path"])):
            return _answer(self._sessions, SESSION, found.groupdict(), scope, receive, send)
        return self._app(scope, receive, send)


def by_router(handler: ASGIApp, template: str) -> ASGIApp:
    """The same handler, for requests that FastAPI's router has matched."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        call = call_of(scope)
        call.route, call.named = template, scope["path_params"]
        await handler(scope, receive, send)

    return answer


def _match(routes: Sequence[tuple[str, Pattern[str], ASGIApp]], path: str) -> _Match | None:
    for template, regex, handler in routes:
        if found := regex.match(path):
            return _Match(template, handler, found.groupdict())
    return None


def _answer(
    handler: ASGIApp, route: str, named: Mapping[str, str], scope: Scope, receive: Receive, send: Send
) -> Awaitable[None]:
    begin_call(scope, route, named)
    return handler(scope, receive, send)
