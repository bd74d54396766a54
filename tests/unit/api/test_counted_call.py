"""A call is reported once, however it ends."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from plimsoll.api.counted_call import CountedCall
from plimsoll.errors import Overloaded
from plimsoll.inference.call import Call
from plimsoll.inference.request_head import RequestHead

from tests.doubles.observers import RecordingObserver


@pytest.mark.parametrize(
    ("end", "status", "code"),
    [("succeeds", 200, ""), ("fails", 429, "overloaded"), ("breaks", 500, "internal"), ("leaves", 499, "client_gone")],
)
def test_every_end_is_reported_once(end: str, status: int, code: str) -> None:
    observer, call = RecordingObserver(), Call(RequestHead())
    call.model, call.version = "echo", "3"
    raised = {"breaks": ValueError, "leaves": asyncio.CancelledError}.get(end)
    with (
        pytest.raises(raised) if raised else contextlib.nullcontext(),
        CountedCall(observer, call, "p", streamed=True) as counted,
    ):
        assert observer.in_flight == 1
        if end == "succeeds":
            counted.succeeded()
        elif end == "fails":
            counted.failed(Overloaded("full"))
        elif raised:
            raise raised
    (outcome,) = observer.outcomes
    assert observer.in_flight == 0
    assert (outcome.protocol, outcome.model, outcome.version) == ("p", "echo", "3")
    assert (outcome.status, outcome.code, outcome.streamed) == (status, code, True)
    assert outcome.duration_seconds > 0
