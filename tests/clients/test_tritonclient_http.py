"""tritonclient over HTTP, synchronous by geventhttpclient and asynchronous by aiohttp."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from tests.clients.client_process import ClientProcess, ClientRaised
from tests.clients.served import MEASURED, PIXELS, PLACE, Served

ways = pytest.mark.parametrize("way", ["http", "http.aio"])
BOTH = [{"name": "scores"}, {"name": "best"}]
JSON = [{**each, "binary_data": False} for each in BOTH]


def places(*, place: bool = True, measured: bool = True) -> list[tuple[Any, ...]]:
    """The inputs of the model `places`, each in binary or not."""
    return [("place", "INT64", PLACE, place), ("measured", "FP32", MEASURED, measured)]


@ways
def test_triton_http_health(triton: ClientProcess, served: Served, way: str) -> None:
    for method in ("is_server_live", "is_server_ready"):
        assert triton("call", way, served.address, method) is True
    for model, version, ready in (
        ("digits", "", True), ("digits", "1", True), ("digits", "9", False), ("nobody", "", False)
    ):  # fmt: skip
        assert triton("call", way, served.address, "is_model_ready", model, version) is ready


@ways
def test_triton_http_server_metadata(triton: ClientProcess, served: Served, way: str) -> None:
    server = triton("call", way, served.address, "get_server_metadata")
    assert (server["name"], isinstance(server["version"], str)) == ("plimsoll", True)
    assert {"binary_tensor_data", "classification"} <= set(server["extensions"])


@ways
def test_triton_http_model_metadata(triton: ClientProcess, served: Served, way: str) -> None:
    model = triton("call", way, served.address, "get_model_metadata", "places")
    assert (model["name"], model["versions"]) == ("places", ["1"])
    assert [(each["name"], each["datatype"], each["shape"]) for each in model["inputs"]] == [
        ("place", "INT64", [-1]), ("measured", "FP32", [-1, 2])
    ]  # fmt: skip
    assert [(each["name"], each["datatype"], each["shape"]) for each in model["outputs"]] == [
        ("scores", "FP32", [-1, 3]), ("best", "INT64", [-1])
    ]  # fmt: skip
    assert triton("call", way, served.address, "get_model_metadata", "digits")["versions"] == ["1", "2"]
    assert triton("call", way, served.address, "get_model_metadata", "digits", "1")["name"] == "digits"
    texts = triton("call", way, served.address, "get_model_metadata", "shouting")
    assert [(each["name"], each["datatype"], each["shape"]) for each in texts["inputs"] + texts["outputs"]] == [
        ("text", "BYTES", [-1]), ("result", "BYTES", [-1])
    ]  # fmt: skip


@ways
@pytest.mark.parametrize("place", [True, False])
@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("outputs", [(), BOTH, JSON, [BOTH[0], JSON[1]], [JSON[0], BOTH[1]]], ids=str)
def test_triton_http_binary_and_json(
    triton: ClientProcess, served: Served, way: str, place: bool, measured: bool, outputs: list[dict[str, Any]]
) -> None:
    inputs = places(place=place, measured=measured)
    answer, found = triton("infer", way, served.address, "places", inputs, outputs)
    assert (answer["model_name"], answer["model_version"]) == ("places", "1")
    assert [each["name"] for each in answer["outputs"]] == ["scores", "best"]
    in_binary = ["binary_data_size" in each.get("parameters", {}) for each in answer["outputs"]]
    assert in_binary == [each.get("binary_data", True) for each in outputs or BOTH]
    expected = served.places()
    for name in ("scores", "best"):
        assert np.array_equal(found[name], expected[name])
        assert found[name].dtype == expected[name].dtype


@ways
def test_triton_http_version(triton: ClientProcess, served: Served, way: str) -> None:
    inputs = [("pixels", "FP32", PIXELS, True)]
    answers = [
        triton("infer", way, served.address, "digits", inputs, model_version=version) for version in ("1", "2", "")
    ]
    assert [answer["model_version"] for answer, _ in answers] == ["1", "2", "2"]
    assert np.array_equal(answers[2][1]["probabilities"], served.probabilities())


@ways
@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_triton_http_compression(triton: ClientProcess, served: Served, way: str, algorithm: str, binary: bool) -> None:
    options = {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
    inputs = places(place=binary, measured=binary)
    _, found = triton("infer", way, served.address, "places", inputs, JSON if not binary else (), **options)
    assert np.array_equal(found["scores"], served.places()["scores"])


@ways
@pytest.mark.parametrize("given", ["", "an id", "é" * 40])
def test_triton_http_request_id(triton: ClientProcess, served: Served, way: str, given: str) -> None:
    answer, _ = triton("infer", way, served.address, "places", places(), request_id=given)
    assert answer.get("id", "") == given


@ways
def test_triton_http_requested_outputs(triton: ClientProcess, served: Served, way: str) -> None:
    _, found = triton("infer", way, served.address, "places", places(), [{"name": "best"}])
    assert list(found) == ["best"]
    with pytest.raises(ClientRaised, match=r"^\[400\] .*\bworst\b"):
        triton("infer", way, served.address, "places", places(), [{"name": "worst"}])


@ways
@pytest.mark.parametrize("binary", [True, False])
def test_triton_http_classification(triton: ClientProcess, served: Served, way: str, binary: bool) -> None:
    wanted = [{"name": "probabilities", "class_count": 3, "binary_data": binary}]
    answer, found = triton("infer", way, served.address, "digits", [("pixels", "FP32", PIXELS, True)], wanted)
    assert (answer["outputs"][0]["datatype"], answer["outputs"][0]["shape"]) == ("BYTES", [3, 3])
    for row, probabilities in zip(found["probabilities"], served.probabilities(), strict=True):
        best = np.argsort(-probabilities, kind="stable")[:3]
        for text, index in zip(row, best, strict=True):
            value, place, label = (text.decode() if isinstance(text, bytes) else text).split(":")
            assert float(value) == pytest.approx(float(probabilities[index]), abs=1e-6)
            assert (int(place), label) == (index, str(index))


@ways
def test_triton_http_timeout_and_priority(triton: ClientProcess, served: Served, way: str) -> None:
    _, found = triton("infer", way, served.address, "places", places(), timeout=20_000_000, priority=0)
    assert np.array_equal(found["best"], served.places()["best"])
    text = [("text", "BYTES", np.array([b"one a"], np.object_), True)]
    with pytest.raises(ClientRaised, match=r"^\[504\] "):
        triton("infer", way, served.address, "shouting", text, timeout=1)
    with pytest.raises(ClientRaised, match=r"^\[400\] .*priority"):
        triton("infer", way, served.address, "places", places(), priority=1)


@ways
def test_triton_http_sequences(triton: ClientProcess, served: Served, way: str) -> None:
    with pytest.raises(ClientRaised, match=r"^\[400\] .*sequence"):
        triton("infer", way, served.address, "places", places(), sequence_id=7, sequence_start=True)


@ways
def test_triton_http_own_parameters(triton: ClientProcess, served: Served, way: str) -> None:
    own = {"experiment": "a", "fold": 3, "sure": True}
    _, found = triton("infer", way, served.address, "places", places(), parameters=own)
    assert np.array_equal(found["best"], served.places()["best"])


def test_triton_http_generated_body(triton: ClientProcess, served: Served) -> None:
    for inputs in (places(), places(place=False, measured=False)):
        body, length = triton("request_body", inputs, JSON if length_of(inputs) else BOTH)
        headers = {} if length is None else {"Inference-Header-Content-Length": str(length)}
        reply = httpx.post(f"{served.url}/v2/models/places/infer", content=body, headers=headers)
        assert reply.status_code == httpx.codes.OK, reply.text
        told = reply.headers.get("inference-header-content-length")
        _, found = triton("parsed", reply.content, None if told is None else int(told))
        assert np.array_equal(found["scores"], served.places()["scores"])


def length_of(inputs: list[tuple[Any, ...]]) -> int:
    """How many of the inputs are in binary."""
    return sum(each[3] for each in inputs)


def test_triton_http_raw_binary_request(triton: ClientProcess, served: Served) -> None:
    headers = {"Inference-Header-Content-Length": "0"}
    url = f"{served.url}/v2/models/digits/infer"
    reply = httpx.post(url, content=PIXELS[:1].tobytes(), headers=headers)
    assert reply.status_code == httpx.codes.OK, reply.text
    answer, found = triton("parsed", reply.content, int(reply.headers["inference-header-content-length"]))
    assert answer["outputs"][0]["shape"] == [1, 10]
    assert np.allclose(found["probabilities"], served.probabilities()[:1], rtol=1e-5)


@pytest.mark.parametrize("binary", [True, False])
def test_triton_http_async_infer(triton: ClientProcess, served: Served, binary: bool) -> None:
    inputs = places(place=binary, measured=binary)
    for _, found in triton("infer_at_once", served.address, "places", inputs, times=5):
        assert np.array_equal(found["scores"], served.places()["scores"])
