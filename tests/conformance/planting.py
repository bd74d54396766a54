"""Plants a fault around the honest server: it changes the call before, or the answer after."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.conformance.messages import HEADER_LENGTH
from tests.conformance.reference_server import Answer, Call, Respond

Before = Callable[[Call], Call]
After = Callable[[Call, Answer], Answer]
_LENGTH = HEADER_LENGTH.lower()


@dataclass(frozen=True)
class Fault:
    """One deviation from the protocol; `fails` names the test that finds it, or one of its cases in brackets."""

    name: str
    fails: str
    before: Before = lambda call: call
    after: After = lambda _, answer: answer

    def planted(self, honest: Respond) -> Respond:
        """The server with this fault."""
        return lambda call: self.after(call, honest(self.before(call)))


def split(body: bytes, headers: dict[str, str]) -> tuple[Any, bytes]:
    """The JSON value of a body and the binary data after it; None for what is not JSON."""
    length = {name.lower(): value for name, value in headers.items()}.get(_LENGTH, str(len(body)))
    end = int(length) if length.isdigit() else 0
    try:
        return json.loads(body[:end]), body[end:]
    except (ValueError, RecursionError):
        return None, b""


def asking(change: Callable[[Any, bytes], tuple[Any, bytes]]) -> Before:
    """A fault in reading: the object of an inference request and its binary data are changed, if they are whole."""

    def before(call: Call) -> Call:
        document, blobs = split(call.body, call.headers)
        inputs = document.get("inputs") if isinstance(document, dict) else None
        if not inputs or not isinstance(inputs, list) or not all(isinstance(each, dict) for each in inputs):
            return call
        document, blobs = change(document, blobs)
        head = json.dumps(document).encode()
        headers = call.headers | ({_LENGTH: str(len(head))} if _LENGTH in call.headers else {})
        return replace(call, body=head + blobs, headers=headers)

    return before


def answering(change: Callable[[Any, bytes], tuple[Any, bytes]]) -> After:
    """A fault in writing: the object of an inference response and its binary data are changed."""

    def after(call: Call, answer: Answer) -> Answer:
        if answer.status != 200 or not call.path.endswith("/infer"):
            return answer
        document, blobs = change(*split(answer.body, answer.headers))
        head = json.dumps(document).encode()
        headers = answer.headers | ({HEADER_LENGTH: str(len(head))} if HEADER_LENGTH in answer.headers else {})
        return Answer(200, head + blobs, headers)

    return after


def on_error(words: str, change: Callable[[Answer], Answer]) -> After:
    """A fault in refusing: the answer is changed if its error has these words."""
    return lambda _, answer: change(answer) if answer.status >= 400 and words.encode() in answer.body else answer


def with_status(status: int) -> Callable[[Answer], Answer]:
    """Gives an answer another status."""
    return lambda answer: replace(answer, status=status)


def message(answer: Answer) -> str:
    """The text of an error."""
    return str(json.loads(answer.body)["error"])
