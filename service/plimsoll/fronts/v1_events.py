"""/v1 as server-sent events: one for each row as it finishes, and a summary at the end (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import orjson

from plimsoll.errors import PlimsollError
from plimsoll.fronts.v1_errors import error_reply
from plimsoll.fronts.v1_json import VERSION_HEADER
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Piece
from plimsoll.inference.ports import Json


class V1Events:
    """Writes the pieces of a streamed answer. Every event has one line of JSON."""

    protocol = "v1-stream"
    media_type = "text/event-stream"
    keep_alive = b": the model is at work\n\n"
    """A comment, which clients skip; proxies see that the stream is alive."""

    def answer_content(self) -> Json:
        """OpenAPI's media type object of the answer."""
        described = (
            "An event `prediction` or `error` for each row as it finishes, with its `index`; `done` with a summary. "
            "An `error` without an `index` ends the stream."
        )
        return {"schema": {"type": "string", "description": described}}

    def headers(self, call: Call) -> list[tuple[bytes, bytes]]:
        """The header fields of the answer: nothing on the way may keep it or collect it."""
        return [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            (VERSION_HEADER.encode(), call.version.encode()),
        ]

    def piece(self, call: Call, piece: Piece) -> bytes:
        """`prediction` with the index of its row, or `error` with the error of /v1, whose `index` names the row."""
        if piece.error is not None:
            return self.error(call, piece.error)
        data = {"index": piece.row, "prediction": piece.result}
        return _event(b"prediction", orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY))

    def error(self, call: Call, error: PlimsollError) -> bytes:
        """`error` with the error body of /v1; without an `index` it ends the stream."""
        return _event(b"error", error_reply(error, call.request_id).content)

    def done(self, call: Call, rows: int, failed: int) -> bytes:
        """`done` with a summary: `rows` of the request, `failed` of them with an error."""
        summary = {
            "model": call.model,
            "version": call.version,
            "latency_ms": round(call.seconds() * 1000, 3),
            "rows": rows,
            "failed": failed,
        }
        return _event(b"done", orjson.dumps(summary))


def _event(name: bytes, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name, data)
