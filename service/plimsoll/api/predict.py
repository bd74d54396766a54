"""The hot handler: front, line, front. An ASGI application of its own: nothing stands between it and the server."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from plimsoll.api.auth import Gate
from plimsoll.api.error_responses import reply_to
from plimsoll.api.parsing_pool import ParsingPool
from plimsoll.api.request_body import BodyReader, client_gone
from plimsoll.api.request_head import RequestHead, head_of
from plimsoll.api.request_scope import (
    note_timing,
    note_version,
    noted_version,
    refusal_of,
    request_id_of,
    seconds_since_start,
)
from plimsoll.errors import PlimsollError
from plimsoll.fronts import v1_json
from plimsoll.inference.deadline import HEADER as TIMEOUT_HEADER
from plimsoll.inference.payloads import Target
from plimsoll.inference.pipeline import Pipeline, ServedVersion
from plimsoll.inference.ports import Observer, Outcome

VERSION_HEADER = "x-plimsoll-version"
KEY_HEADER = "x-plimsoll-user"
"""In a request: whoever should see one version only. Any text; only its hash is used. Goes before the body's `user`."""
_TIMEOUT, _VERSION, _KEY = TIMEOUT_HEADER.encode(), VERSION_HEADER.encode(), KEY_HEADER.encode()
_JSON = (b"content-type", b"application/json")
_OK, _INTERNAL = HTTPStatus.OK.value, HTTPStatus.INTERNAL_SERVER_ERROR.value


class PredictV1:
    """Answers POST /v1/predict and the routes that name a model and a version, given in the scope's `path_params`."""

    def __init__(
        self,
        gate: Gate,
        pipeline: Pipeline,
        observer: Observer,
        bodies: BodyReader,
        parsing: ParsingPool,
    ) -> None:
        self._gate = gate
        self._pipeline = pipeline
        self._observer = observer
        self._bodies = bodies
        self._parsing = parsing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the version that gave the answer in a header; a refusal is answered too."""
        reason = ""
        code = _INTERNAL
        self._observer.request_started()
        try:
            if (refusal := refusal_of(scope)) is not None:
                raise refusal
            self._gate.check(scope, "predict")
            content, version = await self._answer(scope, head_of(scope), receive)
            code = _OK
        except PlimsollError as error:
            code, reason = error.status, error.code
            response = reply_to(error, request_id_of(scope))
        finally:
            seconds = seconds_since_start(scope)
            self._observer.request_finished(Outcome("v1", *noted_version(scope), code, seconds, reason))
        if reason:
            await response(scope, receive, send)
            return
        headers = [_JSON, (b"content-length", b"%d" % len(content)), (_VERSION, version.encode())]
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: Scope, head: RequestHead, receive: Receive) -> tuple[bytes, str]:
        line, target = self._pipeline, _target(scope, head)
        served = chosen = self._select(scope, target)
        deadline = line.deadline(head.get(_TIMEOUT))
        with line.expect(served) as permit:
            content = await self._bodies.read(head, receive, permit, deadline)
            if len(content) <= self._parsing.inline_bytes:
                body = v1_json.parse(content, served.signature)
            else:
                body = await self._parsing.parse(content, served.signature, deadline, partial(client_gone, receive))
            if target.key is None and body.user is not None:
                chosen = self._select(scope, target._replace(key=body.user))
            if chosen is served:
                return await self._compute(scope, receive, served, body, deadline)
        # The body names a user who belongs to another version: the request leaves here and asks to be admitted there.
        with line.admit(chosen, len(content)):
            return await self._compute(scope, receive, chosen, body, deadline)

    def _select(self, scope: Scope, target: Target) -> ServedVersion:
        served = self._pipeline.select(target)
        note_version(scope, served.name, served.version)
        return served

    async def _compute(
        self,
        scope: Scope,
        receive: Receive,
        served: ServedVersion,
        body: v1_json.Body,
        deadline: float,
    ) -> tuple[bytes, str]:
        line, signature = self._pipeline, served.signature
        entry = v1_json.write(body, signature, served.lane.reserve)
        cacheable = line.caches and "no-store" not in (head_of(scope).get(b"cache-control") or "").lower()
        answer = await line.answer(served, entry, deadline, partial(client_gone, receive), cacheable=cacheable)
        note_timing(scope, entry.wait_seconds, entry.forward_seconds)
        return v1_json.encode(answer, signature, seconds_since_start(scope) * 1000), answer.version


def _target(scope: Scope, head: RequestHead) -> Target:
    """What the path and the headers ask for; a version in the path goes before one in a header."""
    named: Mapping[str, str] = scope["path_params"]
    return Target(named.get("name"), named.get("version") or head.get(_VERSION), head.text(_KEY))
