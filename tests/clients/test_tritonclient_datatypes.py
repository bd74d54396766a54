"""tritonclient and every datatype, in bytes and as JSON, over HTTP and gRPC."""

from __future__ import annotations

from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tests.clients.client_process import ClientProcess, ClientRaised
from tests.clients.served import Served, elements
from tests.doubles.served_tensors import DATATYPES, PLACES

OUTPUTS = {name: array.astype(np.float32) if name == "BF16" else array for name, array in DATATYPES.items()}
TEXTS = ["Ein zwei", "é ü", "", "with a\nline end and \x00"]
SHOUTED = ["ééé éééé", "é é", "", "éééé é éééé ééé"]


def as_bytes(texts: list[str]) -> NDArray[Any]:
    """A tensor of BYTES."""
    return elements([each.encode() for each in texts])


def as_texts(array: NDArray[Any]) -> list[str]:
    """The elements of a tensor of BYTES, which the clients give as bytes or as texts."""
    return [each.decode() if isinstance(each, bytes) else each for each in array.tolist()]


@pytest.mark.parametrize("way", ["http", "http.aio", "grpc", "grpc.aio"])
def test_triton_every_datatype_in_binary(triton: ClientProcess, served: Served, way: str) -> None:
    inputs = [(name, name, array) for name, array in DATATYPES.items()]
    _, found = triton("infer", way, served.at(way), "every", inputs)
    for name, expected in OUTPUTS.items():
        assert found[f"{name}_out"].tobytes() == expected.tobytes(), name
        assert found[f"{name}_out"].dtype == expected.dtype


@pytest.mark.parametrize("way", ["http", "http.aio"])
def test_triton_every_datatype_in_json(triton: ClientProcess, served: Served, way: str) -> None:
    inputs = [(name, name, array, name == "BF16") for name, array in DATATYPES.items()]
    outputs = [{"name": f"{name}_out", "binary_data": False} for name in DATATYPES]
    _, found = triton("infer", way, served.address, "every", inputs, outputs)
    for name, expected in OUTPUTS.items():
        assert np.array_equal(found[f"{name}_out"], expected), name


@pytest.mark.parametrize("way", ["http", "http.aio"])
@pytest.mark.parametrize("binary", [True, False])
def test_triton_texts_over_http(triton: ClientProcess, served: Served, way: str, binary: bool) -> None:
    wanted = [{"name": "result", "binary_data": binary}]
    inputs = [("text", "BYTES", as_bytes(TEXTS), binary)]
    _, found = triton("infer", way, served.address, "shouting", inputs, wanted)
    assert as_texts(found["result"]) == SHOUTED
    rows = as_bytes(['{"text": "one two"}', '{"text": ""}'])
    wanted = [{"name": "result", "binary_data": binary}]
    _, found = triton("infer", way, served.address, "counts", [("message", "BYTES", rows, binary)], wanted)
    assert as_texts(found["result"]) == ['{"letters":6}', '{"letters":0}']


@pytest.mark.parametrize("way", ["grpc", "grpc.aio"])
def test_triton_texts_over_grpc(triton: ClientProcess, served: Served, way: str) -> None:
    _, found = triton("infer", way, served.grpc, "shouting", [("text", "BYTES", as_bytes(TEXTS))])
    assert as_texts(found["result"]) == SHOUTED


def test_triton_bytes_that_are_no_text(triton: ClientProcess, served: Served) -> None:
    rows = np.array([b"fine", b"\xff"], np.object_)
    path, inputs = "/v2/models/shouting/infer", [("text", "BYTES", rows, True)]
    body, length = triton("request_body", inputs)
    headers = {"Inference-Header-Content-Length": str(length)}
    with pytest.raises(ClientRaised) as raised:
        triton("infer", "http", served.address, "shouting", inputs)
    assert str(raised.value) == "[400] " + served.sentence("POST", path, content=body, headers=headers)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), rows=st.integers(1, 4), binary=st.booleans())
def test_triton_and_v1_agree_bit_for_bit(
    triton: ClientProcess, served: Served, data: st.DataObject, rows: int, binary: bool
) -> None:
    place = data.draw(arrays.arrays(np.int64, rows, elements=st.integers(0, PLACES - 1)))
    measured = data.draw(arrays.arrays(np.float32, (rows, 2), elements=st.floats(-1e6, 1e6, width=32)))
    inputs = [("place", "INT64", place, binary), ("measured", "FP32", measured, not binary)]
    wanted = [{"name": name, "binary_data": binary} for name in ("scores", "best")]
    _, found = triton("infer", "http", served.address, "places", inputs, wanted)
    bodies = [{"place": int(place[row]), "measured": measured[row].tolist()} for row in range(rows)]
    expected = [each["outputs"] for each in served.predictions("places", bodies)]
    scores = np.array([each["scores"] for each in expected], np.float32)
    assert found["scores"].tobytes() == scores.tobytes()
    assert found["best"].tolist() == [each["best"] for each in expected]


def test_triton_bf16_is_binary_only(triton: ClientProcess, served: Served) -> None:
    rows = np.ones((1, 2), ml_dtypes.bfloat16)
    with pytest.raises(ClientRaised, match="BF16 inputs must be sent as binary data"):
        triton("infer", "http", served.address, "every", [("BF16", "BF16", rows, False)])
    described = {"name": "BF16", "datatype": "BF16", "shape": [1, 2], "data": [1, 1]}
    others = [
        {"name": name, "datatype": name, "shape": [1, 2], "data": array[2].tolist()}
        for name, array in DATATYPES.items() if name != "BF16"
    ]  # fmt: skip
    reply = httpx.post(f"{served.url}/v2/models/every/infer", json={"inputs": [*others, described]})
    assert (reply.status_code, "BF16" in reply.json()["error"]) == (400, True)
