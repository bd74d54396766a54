"""A message of a session: the id taken out, the rest as the body of predict."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import ClientError, ClientGone, InvalidInput
from plimsoll.fronts.v1_session import V1Session
from plimsoll.inference.call import Call
from plimsoll.inference.request_head import RequestHead
from plimsoll.inference.served_version import ServedVersion
from plimsoll.tasks.tabular_classification import TabularClassification

from tests.doubles.models import flat_signature

FRONT = V1Session()
SIGNATURE = flat_signature(2)
SERVED = ServedVersion("echo", "3", SIGNATURE, TabularClassification(SIGNATURE), lane=None)  # type: ignore[arg-type]
ids = st.text(max_size=128) | st.integers(-(2**63) + 1, 2**63 - 1)


@given(given_id=ids, rows=st.lists(st.lists(st.floats(-1, 1), min_size=2, max_size=2), min_size=1, max_size=3))
def test_the_id_stands_anywhere_and_the_rows_are_read(given_id: object, rows: list[list[float]]) -> None:
    fields = [("id", given_id), ("instances", rows), ("user", "ann")]
    for turn in range(3):
        call = Call(RequestHead())
        question = FRONT.read(call, orjson.dumps(dict(fields[turn:] + fields[:turn])), SERVED)
        assert (question.rows, question.user, call.asked) == (len(rows), "ann", given_id)


@given(message=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_comes_is_read_or_refused(message: bytes) -> None:
    call = Call(RequestHead())
    with pytest.raises(ClientError):
        FRONT.read(call, message, SERVED)
    FRONT.identify(call, message)
    reply = json.loads(FRONT.refuse(call, InvalidInput("no")).content)
    assert reply["id"] == call.asked


def test_nothing_is_said_to_a_client_that_has_left() -> None:
    assert FRONT.refuse(Call(RequestHead()), ClientGone("gone")).content == b""
