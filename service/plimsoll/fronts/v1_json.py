"""/v1 in JSON: reads the body of the task; writes model, version, latency and one prediction for each row."""

from __future__ import annotations

import time
from http import HTTPStatus

import orjson

from plimsoll.errors import PlimsollError
from plimsoll.fronts.v1_errors import error_reply
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer, Target
from plimsoll.inference.ports import Json, Question, Reply
from plimsoll.inference.served_version import ServedVersion
from plimsoll.tasks.number_rows import MAX_ROWS

VERSION_HEADER = "x-plimsoll-version"
"""In a request: the version that the client requires. In a reply: the version that answered."""
USER_HEADER = "x-plimsoll-user"
"""In a request: a user, who always gets the same version. Any text; only its hash is used. Overrides body `user`."""
VERSION_FIELD = VERSION_HEADER.encode()
_USER = USER_HEADER.encode()
_NOTHING_NAMED = Target()
OK = HTTPStatus.OK.value
_USER_SCHEMA = {
    "type": ["string", "null"],
    "description": f"The same text gets the same version. The header {USER_HEADER} overrides it.",
}


class V1Json:
    """Implements `Front`."""

    protocol = "v1"
    media_types: tuple[str, ...] = ("application/json",)
    encodings: tuple[str, ...] = ()

    def target(self, call: Call) -> Target:
        """The target that path and head name."""
        return named_target(call)

    def reading_cost(self, call: Call, body: bytes, served: ServedVersion) -> int:
        """Each byte, as its task reads it."""
        del call
        return len(body) * served.task.reading_cost

    def read(self, call: Call, body: bytes, served: ServedVersion) -> Question:
        """Parse a body into a question; see `Task.read`."""
        del call
        return served.task.read(body)

    def reply(self, call: Call, served: ServedVersion, question: Question, answer: Answer) -> Reply:
        """The answer's JSON; a header field holds the version too."""
        predictions = served.task.results(question, answer.outputs)
        document = {
            "model": answer.model,
            "version": answer.version,
            # To three decimals, for which `round` takes three times as long.
            "latency_ms": int((time.perf_counter() - call.started) * 1e6 + 0.5) / 1000,
            "predictions": predictions,
        }
        return json_reply(document, answer.version)

    def refuse(self, call: Call, error: PlimsollError) -> Reply:
        """The error in the form of /v1."""
        return error_reply(error, call.request_id)

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """The body with one row or many, and these examples."""
        rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}
        schema = {"oneOf": [_one_field("One row", item, row), _one_field("Many rows", "instances", rows)]}
        return {"schema": schema, "examples": examples}

    def answer_content(self) -> Json:
        """Nothing: `v1_schema.PredictAnswer` describes it."""
        return {}


def named_target(call: Call) -> Target:
    """The model, version and user that the path and the head name; the version in the path takes precedence."""
    fields, named = call.head.fields, call.named
    if not named and VERSION_FIELD not in fields and _USER not in fields:
        return _NOTHING_NAMED
    pin = named.get("version")
    if pin is None and VERSION_FIELD in fields:
        pin = call.head.get(VERSION_FIELD)
    return Target(named.get("name"), pin, call.head.text(_USER) if _USER in fields else None)


def json_reply(document: Json, version: str) -> Reply:
    """The reply with this JSON, in which arrays of numpy may stand, and with the version that answered."""
    content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
        (VERSION_FIELD, version.encode()),
    ]
    return Reply(OK, headers, content)


def _one_field(title: str, name: str, schema: Json) -> Json:
    return {
        "title": title,
        "type": "object",
        "properties": {name: schema, "user": _USER_SCHEMA},
        "required": [name],
        "additionalProperties": False,
    }
