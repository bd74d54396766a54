"""Tests that a request whose JSON was sent before is read as if it were the first."""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import PlimsollError
from plimsoll.fronts.known_requests import (
    LONGEST_KNOWN,
    KnownRequest,
    KnownRequests,
    Place,
    split_id,
    stands_alone,
)
from plimsoll.fronts.oip import Oip
from plimsoll.fronts.tensor_requests import Wanted
from plimsoll.inference.batch_lane import BatchLane
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Datatype, Signature, TensorSpec
from plimsoll.inference.request_head import RequestHead
from plimsoll.inference.served_version import ServedVersion
from plimsoll.tasks.tensors import TensorTask

ROWS, WIDTH = 2, 2
SIZE = ROWS * WIDTH * 4


def model(version: str, datatype: Datatype, most: float) -> ServedVersion:
    wire = Signature(
        (TensorSpec("x", datatype, (-1, WIDTH), 0, most), TensorSpec("flag", "BOOL", (-1, 1))),
        (TensorSpec("y", "FP32", (-1, 2)), TensorSpec("z", "FP32", (-1, 2))),
    )
    return ServedVersion("m", version, wire, TensorTask(wire), cast("BatchLane", None))


MODELS = [model("1", "FP32", 1), model("2", "FP32", 2), model("3", "INT32", 1)]
"""Models that read the same request in different ways."""


def known(wire: Signature) -> KnownRequest:
    place = Place("x", "FP32", (ROWS, WIDTH), 0, SIZE)
    return KnownRequest(wire, (place,), SIZE, (Wanted(wire.outputs[0], binary=True),), None)


def test_a_request_is_known_by_its_json_and_its_signature() -> None:
    requests, (one, other) = KnownRequests(), (Signature(MODELS[0].signature.inputs, ()) for _ in range(2))
    kept = KnownRequest(one, (), 0, (), None)
    requests.keep(b"{}", kept)
    assert requests.find(b"{}", one) is kept
    assert requests.find(b"{ }", one) is None
    assert requests.find(b"{}", other) is None, "another signature, although it is equal"


def test_its_tensors_are_views_of_the_bytes_after_the_json() -> None:
    rows = np.arange(ROWS * WIDTH, dtype=np.float32).reshape(ROWS, WIDTH)
    (tensor,) = known(MODELS[0].signature).tensors(memoryview(rows.tobytes())).values()
    assert np.array_equal(tensor, rows)
    assert not tensor.flags.owndata


def test_only_some_short_requests_are_kept() -> None:
    requests, wire = KnownRequests(), MODELS[0].signature
    texts = [b"%d" % number for number in range(1000)]
    for text in texts:
        requests.keep(text, known(wire))
        assert requests.find(text, wire), "the newest one"
    assert sum(requests.find(text, wire) is not None for text in texts) <= 256
    requests.keep(b" " * (LONGEST_KNOWN + 1), known(wire))
    assert requests.find(b" " * (LONGEST_KNOWN + 1), wire) is None


@pytest.mark.parametrize(
    ("text", "found", "rest"),
    [
        (b'{"id": "a 1","inputs":[]}', "a 1", b',"inputs":[]}'),
        (b'{"id":"" }', "", b" }"),
        (b'{"inputs":[],"id":"a"}', None, b'{"inputs":[],"id":"a"}'),
        (b'{"id":7}', None, b'{"id":7}'),
        (b'{"id":"a\\n"}', None, b'{"id":"a\\n"}'),
        (b'{"id":"\xc3\xa4"}', None, b'{"id":"\xc3\xa4"}'),
        (b'{"id":"a', None, b'{"id":"a'),
        (b"", None, b""),
    ],
)
def test_a_plain_id_in_front_is_split_off(text: bytes, found: str | None, rest: bytes) -> None:
    assert split_id(text) == (found, rest)


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        (b'{"id":"a","inputs":[]}', True),
        (b'{"inputs":[]}', True),
        (b'{"inputs":[],"id":"a"}', False),
        (b'{"id":"a","id":"b"}', False),
        (b'{"id":"a","id":"a"}', False),
        (b'{"id":"a","\\u0069d":"a"}', False),
    ],
)
def test_an_id_stands_alone_if_no_other_can_follow(text: bytes, alone: bool) -> None:
    assert stands_alone(*split_id(text), json.loads(text).get("id")) is alone


X = {"name": "x", "datatype": "FP32", "shape": [ROWS, WIDTH], "parameters": {"binary_data_size": SIZE}}
FLAG = {"name": "flag", "datatype": "BOOL", "shape": [ROWS, 1], "parameters": {"binary_data_size": ROWS}}
FLAG_IN_JSON = {**FLAG, "data": [True, False], "parameters": {}}


def mostly(right: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([right] * 3 * len(others) + [*others])


documents = st.fixed_dictionaries(
    {
        "inputs": mostly([X, FLAG], [FLAG, X], [X, FLAG_IN_JSON], [X], [X, X], [X, {**FLAG, "name": "none"}]),
        "parameters": mostly({}, {"timeout": 5}, {"binary_data_output": True}, {"priority": 1}),
        "outputs": mostly([], [{"name": "z"}], [{"name": "none"}]),
    }
)
beginnings = st.sampled_from(
    ['{"id":"a",', '{"id": "b",', '{"id":"a",', "{", '{"id":"\u00e4",', '{"id":7,', '{ "id":"a",']
)
ends = mostly("}", ',"id":"a"}', r',"\u0069d":"a"}', "")
numbers = mostly([0, 1, 1, 0], [0, 1, 2, 0], [0, 0, 0, 9]).map(lambda each: np.array(each, np.float32).tobytes())
flags = mostly(b"\0\1", b"\1\1", b"\0\2", b"", b"\0\1\0")


@st.composite
def exchanges(draw: st.DrawFn) -> list[tuple[ServedVersion, bytes, bytes]]:
    """Requests to several models that differ in little but their ids and bytes."""
    inner, end = json.dumps(draw(documents))[1:-1], draw(ends)
    return [
        (draw(mostly(MODELS[0], *MODELS[1:])), f"{draw(beginnings)}{inner}{end}".encode(), draw(numbers) + draw(flags))
        for _ in range(8)
    ]


def outcome(front: Oip, served: ServedVersion, text: bytes, raw: bytes) -> Any:
    """All that a front has read, or the words of its refusal."""
    call = Call(RequestHead([(b"inference-header-content-length", b"%d" % len(text))]))
    try:
        question = front.read(call, text + raw, served)
    except PlimsollError as error:
        return error.code, error.message, error.expected, error.given, error.index
    tensors = {spec.name: np.zeros((question.rows, *spec.shape[1:]), spec.dtype) for spec in served.signature.inputs}
    question.write(tensors)
    return call.asked, call.timeout_seconds, {name: tensor.tolist() for name, tensor in tensors.items()}


@given(exchanges())
def test_requests_are_read_as_by_a_front_that_has_seen_none(requests: list[tuple[ServedVersion, bytes, bytes]]) -> None:
    front = Oip()
    for served, text, raw in requests:
        assert outcome(front, served, text, raw) == outcome(Oip(), served, text, raw)


def test_the_same_json_with_other_bytes_and_another_id_is_another_request() -> None:
    front, (served, *_) = Oip(), MODELS
    document = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}]}
    document["inputs"].append({**FLAG, "shape": [1, 1], "parameters": {"binary_data_size": 1}})
    for number, row in (("a", [0.0, 1.0]), ("b", [1.0, 0.5])):
        text = json.dumps({"id": number, **document}).encode()
        asked, _, tensors = outcome(front, served, text, np.array(row, np.float32).tobytes() + b"\1")
        assert (asked.id, tensors) == (number, {"x": [row], "flag": [[True]]})
    refused = outcome(front, served, text, np.array([0, 3], np.float32).tobytes() + b"\1")
    assert refused[1] == "the number at position [1] of 'x' is out of bounds"


def test_data_in_the_json_is_read_each_time() -> None:
    front, text = Oip(), json.dumps({"inputs": [X, FLAG_IN_JSON]}).encode()
    for row in ([[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [1.0, 1.0]]):
        _, _, tensors = outcome(front, MODELS[0], text, np.array(row, np.float32).tobytes())
        assert tensors == {"x": row, "flag": [[True], [False]]}
