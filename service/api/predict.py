"""The hot handler: front, line, front."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from service.api.auth import Gate
from service.api.request_scope import (
    body_bytes,
    client_gone,
    note_timing,
    note_version,
    noted_version,
    read_json_body,
    seconds_since_start,
)
from service.errors import PlimsollError
from service.fronts import v1_json
from service.inference.deadline import HEADER as TIMEOUT_HEADER
from service.inference.payloads import Target
from service.inference.pipeline import Pipeline, ServedVersion
from service.inference.ports import Observer, Outcome

VERSION_HEADER = "x-plimsoll-version"
KEY_HEADER = "x-plimsoll-user"
"""In a request: whoever should see one version only. Any text; only its hash is used. Goes before the body's `user`."""


class PredictV1:
    """Answers POST /v1/predict and the routes that name a model and a version."""

    def __init__(self, gate: Gate, pipeline: Pipeline, observer: Observer, max_body_bytes: int) -> None:
        self._gate = gate
        self._pipeline = pipeline
        self._observer = observer
        self._max_body_bytes = max_body_bytes

    async def __call__(self, request: Request) -> Response:
        """The answer, with the version that gave it in a header.

        Raises:
            PlimsollError: any of its client errors, or that the server cannot answer now.
        """
        reason = ""
        code = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        self._observer.request_started()
        try:
            self._gate.check(request.headers, "predict")
            response = await self._answer(request, _target(request))
            code = response.status_code
        except PlimsollError as error:
            code, reason = error.status, error.code
            raise
        finally:
            seconds = seconds_since_start(request.scope)
            self._observer.request_finished(Outcome("v1", *noted_version(request.scope), code, seconds, reason))
        return response

    async def _answer(self, request: Request, target: Target) -> Response:
        line, longest = self._pipeline, self._max_body_bytes
        served = chosen = self._select(request, target)
        deadline = line.deadline(request.headers.get(TIMEOUT_HEADER))
        length = body_bytes(request, longest)
        with line.admit(served, length):
            body = v1_json.parse(await read_json_body(request, longest, deadline), served.signature)
            if target.key is None and body.user is not None:
                chosen = self._select(request, replace(target, key=body.user))
            if chosen is served:
                return await self._compute(request, served, body, deadline)
        # The body names a user who belongs to another version: the request leaves here and asks to be admitted there.
        with line.admit(chosen, length):
            return await self._compute(request, chosen, body, deadline)

    def _select(self, request: Request, target: Target) -> ServedVersion:
        served = self._pipeline.select(target)
        note_version(request.scope, served.name, served.version)
        return served

    async def _compute(self, request: Request, served: ServedVersion, body: v1_json.Body, deadline: float) -> Response:
        line, signature = self._pipeline, served.signature
        entry = v1_json.write(body, signature, served.lane.reserve)
        cacheable = line.caches and "no-store" not in request.headers.get("cache-control", "").lower()
        answer = await line.answer(served, entry, deadline, partial(client_gone, request), cacheable=cacheable)
        note_timing(request.scope, entry.wait_seconds, entry.forward_seconds)
        content = v1_json.encode(answer, signature, seconds_since_start(request.scope) * 1000)
        return Response(content, media_type="application/json", headers={VERSION_HEADER: answer.version})


def _target(request: Request) -> Target:
    """What the path and the headers ask for; a version in the path goes before one in a header."""
    named, headers = request.path_params, request.headers
    pin = named.get("version") or headers.get(VERSION_HEADER)
    return Target(named.get("name"), pin, headers.get(KEY_HEADER))
