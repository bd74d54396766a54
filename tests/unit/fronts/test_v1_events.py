"""The events of a stream, as a browser's EventSource would read them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import InvalidInput, PlimsollError
from plimsoll.fronts.v1_events import V1Events
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Piece
from plimsoll.inference.request_head import RequestHead

EVENTS = V1Events()


def call() -> Call:
    made = Call(RequestHead())
    made.model, made.version = "echo", "3"
    return made


def parsed(event: bytes) -> tuple[str, Any]:
    """Name and data, by the rules of the standard for lines."""
    assert event.endswith(b"\n\n")
    name, data = event[:-2].split(b"\n")
    assert name.startswith(b"event: ")
    assert data.startswith(b"data: ")
    return name[7:].decode(), json.loads(data[6:])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(result=json_values, row=st.integers(0, 99))
def test_whatever_the_result_holds_an_event_is_two_lines(result: object, row: int) -> None:
    event = EVENTS.piece(call(), Piece(row, result))
    assert b"\r" not in event
    assert parsed(event) == ("prediction", {"index": row, "prediction": result})


def test_arrays_are_lists() -> None:
    result = {"class": "a", "probabilities": np.array([0.25, 0.75], np.float32)}
    assert parsed(EVENTS.piece(call(), Piece(0, result)))[1]["prediction"]["probabilities"] == [0.25, 0.75]


def test_the_error_of_a_row_has_its_index_and_an_internal_one_says_nothing() -> None:
    error = InvalidInput("out of bounds", index=4)
    name, data = parsed(EVENTS.piece(call(), Piece(4, error=error)))
    assert (name, data["error"]["code"], data["error"]["index"]) == ("error", "invalid_input", 4)
    assert "secret" not in str(parsed(EVENTS.error(call(), PlimsollError("secret"))))


def test_the_summary() -> None:
    name, data = parsed(EVENTS.done(call(), 5, 2))
    assert data.pop("latency_ms") >= 0
    assert (name, data) == ("done", {"model": "echo", "version": "3", "rows": 5, "failed": 2})


def test_the_keep_alive_is_a_comment() -> None:
    assert EVENTS.keep_alive.startswith(b":")
    assert EVENTS.keep_alive.count(b"\n") == 2
