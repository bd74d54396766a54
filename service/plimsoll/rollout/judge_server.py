"""Serves verdicts over HTTP, for Argo Rollouts, Flagger and scripts."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from plimsoll.errors import OperatorError
from plimsoll.quoting import quote
from plimsoll.rollout.judge_metrics import VerdictMetrics
from plimsoll.rollout.judge_verdicts import Question, SharedVerdicts
from plimsoll.rollout.prometheus_release import ReleaseSeries

_MOST_BODY_BYTES = 64 << 10
_BODY_SECONDS = 10.0
_BAD_REQUEST, _NOT_YET = 400, 409
_SPLITS = {"recorded": True, "unknown": False}

GOES_ON: dict[str, frozenset[str]] = {
    "rollout": frozenset({"pass", "continue", "hold"}),
    "confirm-traffic-increase": frozenset({"pass"}),
    "confirm-promotion": frozenset({"pass"}),
    "rollback": frozenset({"fail"}),
}
"""The results at which each hook of Flagger is answered with 200. It takes any other status for a refusal."""
_BEFORE_REQUESTS = frozenset({"confirm-traffic-increase"})
"""The hooks that Flagger asks already at weight 0: they go on while the canary is idle."""


class _Hook(msgspec.Struct):
    """The part of Flagger's payload that is read."""

    name: str
    namespace: str
    metadata: dict[str, str] | None = None


class _BadRequest(OperatorError):
    """A request that cannot be understood."""


def judge_app(verdicts: SharedVerdicts, metrics: VerdictMetrics) -> FastAPI:
    """The application of a judge's server.

    A bad request is 400 with `{"error": sentence}`. Everything that only Prometheus could answer is 200 with
    `continue`, since missing data must not roll a canary back.
    """
    app = FastAPI(title="Plimsoll judge", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(OperatorError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)

    @app.get("/verdict")
    async def verdict(
        release: str, namespace: str, cluster: str = "", split: Literal["recorded", "unknown"] = "recorded"
    ) -> Response:
        question = Question(ReleaseSeries(release, namespace, cluster), _SPLITS[split])
        return JSONResponse((await verdicts.ask(question)).document())

    @app.post("/flagger/{hook}")
    async def flagger(hook: str, request: Request) -> Response:
        if hook not in GOES_ON:
            raise _BadRequest(f"{quote(hook)} is no hook that is answered here; expected one of {', '.join(GOES_ON)}")
        answer = await verdicts.ask(_question_of(await _body(request)))
        idle = hook in _BEFORE_REQUESTS and answer.canary_is_idle
        status = 200 if idle or answer.result in GOES_ON[hook] else _NOT_YET
        return PlainTextResponse(f"{answer.result}: {answer.reason}\n", status)

    @app.get("/metrics")
    async def scrape() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/livez")
    @app.get("/readyz")
    async def alive() -> Response:
        return JSONResponse({"status": "ok"})

    return app


def _question_of(body: bytes) -> Question:
    """The question in a payload of Flagger. Its `metadata` may name the release, the cluster and the split."""
    try:
        hook = msgspec.json.decode(body, type=_Hook)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _BadRequest(f"the body is no payload of a Flagger webhook: {error}") from None
    given = hook.metadata or {}
    split = given.get("split", "unknown")
    if split not in _SPLITS:
        raise _BadRequest(f"split is {quote(split)}; expected one of {', '.join(_SPLITS)}")
    release = ReleaseSeries(given.get("release", hook.name), hook.namespace, given.get("cluster", ""))
    return Question(release, _SPLITS[split])


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BODY_BYTES:
                    raise _BadRequest(f"the body has more than {_MOST_BODY_BYTES} bytes")
    except TimeoutError:
        raise _BadRequest(f"the body did not arrive within {_BODY_SECONDS:g} s") from None
    return bytes(body)


async def _refused(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, _BAD_REQUEST)


async def _invalid(_request: Request, error: Exception) -> Response:
    first: dict[str, Any] = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    name = first.get("loc", ("?",))[-1]
    why = "is missing" if first.get("type") == "missing" else f"is {quote(str(first.get('input')))}"
    expected = (
        "expected /verdict?release=NAME&namespace=NAME, and, where wanted, cluster=NAME and split=recorded|unknown"
    )
    return JSONResponse({"error": f"{name} {why}; {expected}"}, _BAD_REQUEST)
