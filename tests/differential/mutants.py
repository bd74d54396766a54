"""Fronts that are wrong in one way each: proof that the differential test can fail.

Each is the service with its request or its answer changed on the way, so that it stays what it is however the service
is built inside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.differential.cases import LONGEST

Answered = tuple[int, dict[str, Any]]
_NUMBER = re.compile(rb"(?<![\w\"'.+-])-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?![\w\"'.+-])")


class Mutant:
    """The service with `reads` applied to each body and `answers` to each status and document.

    Questions to the model that it `spares` stay what they are.
    """

    def __init__(
        self,
        app: ASGIApp,
        reads: Callable[[bytes], bytes] = lambda body: body,
        answers: Callable[[int, dict[str, Any]], Answered] = lambda status, document: (status, document),
        spares: str = "",
    ) -> None:
        self._app = app
        self._reads = reads
        self._answers = answers
        self._spares = f"/v1/models/{spares}/predict"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["path"] == self._spares:
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        requests: list[Message] = [{"type": "http.request", "body": self._reads(body), "more_body": False}]
        sent: list[Message] = []

        async def read() -> Message:
            return requests.pop() if requests else await receive()

        async def keep(message: Message) -> None:
            sent.append(message)

        length = str(len(requests[0]["body"])).encode()
        headers = [(name, length if name == b"content-length" else value) for name, value in scope["headers"]]
        await self._app({**scope, "headers": headers}, read, keep)
        document = json.loads(b"".join(message.get("body", b"") for message in sent[1:]))
        status, document = self._answers(sent[0]["status"], document)
        await send({**sent[0], "status": status})
        await send({"type": "http.response.body", "body": json.dumps(document).encode()})


def _instead(pattern: bytes, replacement: bytes) -> Callable[[bytes], bytes]:
    return lambda body: re.sub(pattern, replacement, body)


def _rounded_at_once(body: bytes) -> bytes:
    """Every number as the nearest of FP32, without a double between."""
    return _NUMBER.sub(lambda found: _nearest(found[0]), body)


def _nearest(text: bytes) -> bytes:
    exact = Decimal(text.decode())
    with np.errstate(over="ignore"):
        near = np.float32(float(text))
        candidates = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]
    if not all(np.isfinite(candidates)) or abs(near) < np.finfo(np.float32).tiny:
        return text
    best = min(candidates, key=lambda candidate: abs(Decimal(float(candidate)) - exact))
    return repr(float(best)).encode() if best != near else text


def _first_of_a_name(body: bytes) -> bytes:
    """The first of two values of one name counts."""
    try:
        first = json.loads(body, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
        return body if first == json.loads(body) else json.dumps(first).encode()
    except (ValueError, RecursionError):
        return body


def _no_index(status: int, document: dict[str, Any]) -> Answered:
    document.get("error", {}).pop("index", None)
    return status, document


def _next_index(status: int, document: dict[str, Any]) -> Answered:
    error = document.get("error", {})
    if "index" in error:
        error["index"] += 1
    return status, document


def _no_negative_zero(status: int, document: dict[str, Any]) -> Answered:
    for each in document.get("predictions", ()):
        each["probabilities"] = [number + 0.0 for number in each["probabilities"]]
    return status, document


def _last_two_swapped(status: int, document: dict[str, Any]) -> Answered:
    if len(predictions := document.get("predictions", [])) > 1:
        predictions[-2:] = reversed(predictions[-2:])
    return status, document


def _last_of_equals(status: int, document: dict[str, Any]) -> Answered:
    for each in document.get("predictions", ()):
        numbers = each["probabilities"]
        each["class"] = chr(ord("a") + max(range(len(numbers)), key=lambda place: (numbers[place], place)))
    return status, document


def _not_at_the_threshold(status: int, document: dict[str, Any]) -> Answered:
    for each in document.get("predictions", ()) if document.get("model") == "single" else ():
        each["class"] = "b" if np.float32(each["probabilities"][1]) > np.float32(0.1) else "a"
    return status, document


def _no_threshold(status: int, document: dict[str, Any]) -> Answered:
    for each in document.get("predictions", ()) if document.get("model") == "single" else ():
        each["class"] = "ab"[each["probabilities"][1] >= each["probabilities"][0]]
    return status, document


def _every_refusal_422(status: int, document: dict[str, Any]) -> Answered:
    return 422 if status == 400 else status, document


MUTANTS: dict[str, Callable[[ASGIApp], ASGIApp]] = {
    "takes booleans for numbers": lambda app: Mutant(app, _instead(rb"\btrue\b", b"1")),
    "takes null for zero": lambda app: Mutant(app, _instead(rb"([\[,]\s*)null\b", rb"\g<1>0")),
    "takes numbers as strings": lambda app: Mutant(app, _instead(rb'"(-?\d(\.\d+)?)"', rb"\1")),
    "takes NaN": lambda app: Mutant(app, _instead(rb"\bNaN\b", b"0")),
    "takes numbers beyond every float": lambda app: Mutant(app, _instead(rb"\b1e400\b", b"0")),
    "takes a number that begins with 0": lambda app: Mutant(app, _instead(rb"(?<![\w.+-])0(\d)", rb"\1")),
    "takes a number that ends with a point": lambda app: Mutant(app, _instead(rb"(\d)\.(?=[\],\s])", rb"\1")),
    "takes a plus": lambda app: Mutant(app, _instead(rb"([\[,]\s*)\+(\d)", rb"\1\2")),
    "takes a last comma": lambda app: Mutant(app, _instead(rb",\s*\]", b"]")),
    "takes control characters in strings": lambda app: Mutant(app, _instead(rb"[\x00-\x08\x0b-\x1f]", b"")),
    "takes a byte order mark": lambda app: Mutant(app, _instead(rb"^\xef\xbb\xbf", b"")),
    "guesses encodings": lambda app: Mutant(app, lambda body: body.replace(b"\x00", b"")),
    "takes what is no UTF-8": lambda app: Mutant(app, lambda body: body.decode(errors="ignore").encode()),
    "takes half a character": lambda app: Mutant(app, _instead(rb"\\ud800", b"x")),
    "takes what follows the document": lambda app: Mutant(app, _instead(rb"\}[^{}\[\]]*$", b"}")),
    "takes unknown fields": lambda app: Mutant(app, _instead(rb'"x"(?=\s*:)', b'"user"')),
    "takes names of another case": lambda app: Mutant(app, _instead(rb'"Features"', b'"features"')),
    "takes the first of two of a name": lambda app: Mutant(app, _first_of_a_name),
    "takes one byte too many": lambda app: Mutant(app, lambda body: body[:-1] if len(body) == LONGEST + 1 else body),
    "takes one byte too few": lambda app: Mutant(app, lambda body: body + b" " if len(body) == LONGEST else body),
    "rounds to FP32 at once": lambda app: Mutant(app, _rounded_at_once, spares="double"),
    "drops the index": lambda app: Mutant(app, answers=_no_index),
    "counts rows from one": lambda app: Mutant(app, answers=_next_index),
    "loses the sign of zero": lambda app: Mutant(app, answers=_no_negative_zero),
    "gives an integer zero a sign": lambda app: Mutant(app, _instead(rb"(?<![\w.+-])-0(?=[\],\s])", b"-0.0")),
    "swaps two rows": lambda app: Mutant(app, answers=_last_two_swapped),
    "takes the last of equals for the best": lambda app: Mutant(app, answers=_last_of_equals, spares="single"),
    "takes a score at the threshold for one below": lambda app: Mutant(app, answers=_not_at_the_threshold),
    "takes the likelier class whatever the threshold": lambda app: Mutant(app, answers=_no_threshold),
    "answers 422 for what is no JSON": lambda app: Mutant(app, answers=_every_refusal_422),
}
"""What each gets wrong, and how to make it of the service."""
