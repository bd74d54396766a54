"""The handler of every front: head, line, reply. It is an ASGI application, which the server calls directly."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from plimsoll.api.auth import Gate
from plimsoll.api.error_responses import settle
from plimsoll.api.event_stream import EventStreams
from plimsoll.api.request_body import BodyForms, BodyReader, client_gone
from plimsoll.errors import PlimsollError
from plimsoll.inference.call import CALL, Call
from plimsoll.inference.line import Line
from plimsoll.inference.payloads import Scores
from plimsoll.inference.ports import Front, Observer, Outcome
from plimsoll.inference.request_head import RequestHead

_CONTENT_TYPE, _ACCEPT = b"content-type", b"accept"
_ANYTHING = b"*/*"
_QUALITY = re.compile(rb"[01](\.\d{0,3})?")
_MOST_ACCEPTED = 32
"""Types in `Accept` that are looked at."""
_INTERNAL = HTTPStatus.INTERNAL_SERVER_ERROR.value


class Ask:
    """Answers the requests of one route, whose fronts differ by the media type that they read and write.

    The media type of the body selects the front that reads it. The same front replies, unless `Accept` names the type
    of another one. The first front answers refusals. The observer receives the outcome of each request, exactly once.
    If `Accept` likes events best, `streams` answers.
    """

    def __init__(
        self,
        fronts: Sequence[Front],
        gate: Gate,
        line: Line,
        observer: Observer,
        bodies: BodyReader,
        streams: EventStreams | None = None,
    ) -> None:
        self._first = fronts[0]
        by_type = {media_type: front for front in fronts for media_type in front.media_types}
        self._fronts: Mapping[bytes, Front] = {media_type.encode(): front for media_type, front in by_type.items()}
        self._forms = BodyForms(tuple(by_type), self._first.encodings)
        self._gate = gate
        self._line = line
        self._observer = observer
        self._bodies = bodies
        self._streams = streams
        self._streamed = b"\n" if streams is None else streams.media_type  # a field never holds a line end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a refusal is answered too, in the format of the first front."""
        call: Call = scope["state"][CALL]
        fields = call.head.fields
        accept = fields.get(_ACCEPT, _ANYTHING)
        if accept != _ANYTHING and self._streamed in accept and self._likes_events(accept):
            await self._stream(call, receive, send)
            return
        observer = self._observer
        front = self._first
        status, code = _INTERNAL, ""
        scores: Scores | None = None
        observer.request_started()
        try:
            if call.refusal is not None:
                raise call.refusal
            if self._gate.ring is not None:
                self._gate.check(call, "predict")
            reader = self._fronts.get(fields.get(_CONTENT_TYPE, b"")) or self._front_of(call.head)
            read_body = partial(self._bodies.read, call, receive, self._forms)
            served, question, answer = await self._line.ask(call, reader, read_body, client_gone(call, receive))
            writer = reader if accept == _ANYTHING else self._fronts.get(_most_liked(accept, self._fronts), reader)
            reply = writer.reply(call, served, question, answer)
            status, scores = reply.status, answer.scores
        except PlimsollError as error:
            reply = front.refuse(call, error)
            status, code = reply.status, error.code
            settle(error)
        finally:
            seconds = time.perf_counter() - call.started
            observer.request_finished(
                Outcome(front.protocol, call.model, call.version, status, seconds, code, scores=scores)
            )
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.content})

    def _front_of(self, head: RequestHead) -> Front:
        """The front of a media type in an unusual spelling, or the first; the body reader refuses unknown types."""
        return self._fronts.get(head.media_type().encode("latin-1"), self._first)

    def _likes_events(self, accept: bytes) -> bool:
        return _most_liked(accept, (*self._fronts, self._streamed)) == self._streamed

    async def _stream(self, call: Call, receive: Receive, send: Send) -> None:
        assert self._streams is not None  # noqa: S101  # only then does a request like its type
        read_body = partial(self._bodies.read, call, receive, self._forms)
        await self._streams.answer(call, self._front_of(call.head), read_body, receive, send)


def _most_liked(accept: bytes, media_types: Collection[bytes]) -> bytes:
    """The one of some types that `Accept` likes best (RFC 9110, section 12.5.1); empty if it names none of them."""
    best, liked = b"", 0.0
    for part in accept.split(b",")[:_MOST_ACCEPTED]:
        media_type, *parameters = (each.strip().lower() for each in part.split(b";"))
        quality = next((each[2:] for each in parameters if each.startswith(b"q=")), b"1")
        if media_type in media_types and (likes := _quality(quality)) > liked:
            best, liked = media_type, likes
    return best


def _quality(text: bytes) -> float:
    """A quality from 0 to 1; a text that is not one counts as 0."""
    return float(text) if _QUALITY.fullmatch(text) else 0.0
