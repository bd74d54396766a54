"""The clients of kserve: over HTTP in KServe's own protocol (v1) and in the open one (v2), and over gRPC."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.clients.client_process import ClientProcess, ClientRaised
from tests.clients.served import MEASURED, PIXELS, PLACE, Served

AS_BYTES = {"binary_data_output": True}


def places(*, binary: bool) -> list[tuple[Any, ...]]:
    """The inputs of the model `places`."""
    return [("place", "INT64", PLACE, binary), ("measured", "FP32", MEASURED, binary)]


def test_kserve_v1_health(kserve: ClientProcess, served: Served) -> None:
    assert kserve("rest", "v1", "is_server_live", served.url) is True
    assert kserve("rest", "v1", "is_model_ready", served.url, "digits") is True
    with pytest.raises(ClientRaised, match="404 Not Found"):
        kserve("rest", "v1", "is_model_ready", served.url, "nobody")


def test_kserve_v1_predict(kserve: ClientProcess, served: Served) -> None:
    rows = PIXELS.tolist()
    answer = kserve("rest", "v1", "infer", served.url, {"instances": rows}, model_name="digits")
    assert answer == {"predictions": served.predictions("digits", rows)}
    texts = kserve("rest", "v1", "infer", served.url, {"instances": ["one a"]}, model_name="shouting")
    assert texts == {"predictions": ["ééé é"]}
    row = {"place": 3, "measured": [0.5, -1]}
    named = kserve("rest", "v1", "infer", served.url, {"instances": [row]}, model_name="places")
    assert named == {"predictions": served.predictions("places", [row])}


@pytest.mark.parametrize(
    ("model", "body", "text"),
    [
        ("nobody", {"instances": [[0]]}, "no model 'nobody'.*'404 Not Found'"),
        ("digits", {"instances": [[0.5]]}, "row 0 .*'400 Bad Request'"),
        ("digits", {"rows": [[0.5]]}, "'rows'.*'400 Bad Request'"),
    ],
)
def test_kserve_v1_errors(kserve: ClientProcess, served: Served, model: str, body: object, text: str) -> None:
    with pytest.raises(ClientRaised, match=text) as raised:
        kserve("rest", "v1", "infer", served.url, body, model_name=model)
    assert raised.value.kind == "HTTPStatusError"


def test_kserve_v1_explain(kserve: ClientProcess, served: Served) -> None:
    with pytest.raises(ClientRaised, match="'404 Not Found'"):
        kserve("rest", "v1", "explain", served.url, "digits", {"instances": PIXELS.tolist()})


def test_kserve_v2_health(kserve: ClientProcess, served: Served) -> None:
    assert kserve("rest", "v2", "is_server_live", served.url) is True
    assert kserve("rest", "v2", "is_server_ready", served.url) is True
    assert kserve("rest", "v2", "is_model_ready", served.url, "digits") is True
    assert kserve("rest", "v2", "is_model_ready", served.url, "nobody") is False


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("parameters", [AS_BYTES, None])
def test_kserve_v2_infer(
    kserve: ClientProcess, served: Served, binary: bool, parameters: dict[str, Any] | None
) -> None:
    head, found = kserve("rest_infer", served.url, "places", places(binary=binary), parameters=parameters)
    assert head["model_name"] == "places"
    assert head["id"], "the client makes an id, and reads it back"
    for name, expected in served.places().items():
        assert np.array_equal(found[name], expected)


@pytest.mark.parametrize("binary", [True, False])
def test_kserve_v2_requested_outputs_and_texts(kserve: ClientProcess, served: Served, binary: bool) -> None:
    wanted = [("best", {"binary_data": binary})]
    _, found = kserve("rest_infer", served.url, "places", places(binary=binary), wanted)
    assert list(found) == ["best"]
    texts = [("text", "BYTES", np.array([b"one a"], np.object_), binary)]
    _, found = kserve("rest_infer", served.url, "shouting", texts, [("result", {"binary_data": binary})])
    assert found["result"].tolist() == ["ééé é"]


@pytest.mark.parametrize(
    ("model", "shape", "text"),
    [
        ("nobody", (2, 2), "'404 Not Found'"),
        ("places", (2, 3), r"'measured' .*\[2, 3\].*'400 Bad Request'"),
    ],
)
def test_kserve_v2_errors(kserve: ClientProcess, served: Served, model: str, shape: tuple[int, ...], text: str) -> None:
    inputs = [("place", "INT64", PLACE, True), ("measured", "FP32", np.zeros(shape, np.float32), True)]
    with pytest.raises(ClientRaised, match=text):
        kserve("rest_infer", served.url, model, inputs)


def test_kserve_grpc_health(kserve: ClientProcess, served: Served) -> None:
    assert kserve("grpc", served.grpc, "is_server_live") is True
    assert kserve("grpc", served.grpc, "is_server_ready") is True
    assert kserve("grpc", served.grpc, "is_model_ready", "digits") is True
    with pytest.raises(ClientRaised, match="there is no model 'nobody'"):
        kserve("grpc", served.grpc, "is_model_ready", "nobody")


@pytest.mark.parametrize("raw", [True, False])
def test_kserve_grpc_infer(kserve: ClientProcess, served: Served, raw: bool) -> None:
    head, found = kserve("grpc_infer", served.grpc, "places", places(binary=raw))
    assert (head["model_name"], head["model_version"]) == ("places", "1")
    for name, expected in served.places().items():
        assert np.array_equal(found[name], expected)
    texts = [("text", "BYTES", np.array([b"one a"], np.object_), raw)]
    _, found = kserve("grpc_infer", served.grpc, "shouting", texts)
    assert found["result"].tolist() == ["ééé é".encode()]


@pytest.mark.parametrize(
    ("model", "shape", "text"),
    [("nobody", (2, 2), "nobody"), ("places", (2, 3), r"'measured' .*\[2, 3\]")],
)
def test_kserve_grpc_errors(
    kserve: ClientProcess, served: Served, model: str, shape: tuple[int, ...], text: str
) -> None:
    inputs = [("place", "INT64", PLACE, True), ("measured", "FP32", np.zeros(shape, np.float32), True)]
    with pytest.raises(ClientRaised, match=text):
        kserve("grpc_infer", served.grpc, model, inputs)
