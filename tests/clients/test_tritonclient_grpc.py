"""tritonclient over gRPC, synchronous and asynchronous."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.clients.client_process import ClientProcess, ClientRaised
from tests.clients.served import MEASURED, PIXELS, PLACE, Served

ways = pytest.mark.parametrize("way", ["grpc", "grpc.aio"])
PLACES: list[tuple[Any, ...]] = [("place", "INT64", PLACE), ("measured", "FP32", MEASURED)]


@ways
def test_triton_grpc_health(triton: ClientProcess, served: Served, way: str) -> None:
    for method in ("is_server_live", "is_server_ready"):
        assert triton("call", way, served.grpc, method) is True
    for model, version in (("digits", ""), ("digits", "1"), ("places", "1")):
        assert triton("call", way, served.grpc, "is_model_ready", model, version) is True
    with pytest.raises(ClientRaised, match=r"^\[StatusCode.NOT_FOUND\] .*no version '9'"):
        triton("call", way, served.grpc, "is_model_ready", "digits", "9")


@ways
def test_triton_grpc_metadata(triton: ClientProcess, served: Served, way: str) -> None:
    server = triton("call", way, served.grpc, "get_server_metadata", as_json=True)
    assert server["name"] == "plimsoll"
    model = triton("call", way, served.grpc, "get_model_metadata", "places", as_json=True)
    assert (model["name"], model["versions"]) == ("places", ["1"])
    assert [(each["name"], each["datatype"], each["shape"]) for each in model["inputs"]] == [
        ("place", "INT64", ["-1"]), ("measured", "FP32", ["-1", "2"])
    ]  # fmt: skip


@ways
@pytest.mark.parametrize("algorithm", [None, "gzip", "deflate"])
def test_triton_grpc_infer(triton: ClientProcess, served: Served, way: str, algorithm: str | None) -> None:
    answer, found = triton(
        "infer", way, served.grpc, "places", PLACES, request_id="an id", compression_algorithm=algorithm,
        client_timeout=20, timeout=20_000_000,
    )  # fmt: skip
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("places", "1", "an id")
    for name, expected in served.places().items():
        assert np.array_equal(found[name], expected)


@ways
def test_triton_grpc_requested_outputs_and_version(triton: ClientProcess, served: Served, way: str) -> None:
    _, found = triton("infer", way, served.grpc, "places", PLACES, [{"name": "best"}])
    assert list(found) == ["best"]
    answer, _ = triton("infer", way, served.grpc, "digits", [("pixels", "FP32", PIXELS)], model_version="1")
    assert answer["model_version"] == "1"


@ways
def test_triton_grpc_classification(triton: ClientProcess, served: Served, way: str) -> None:
    wanted = [{"name": "probabilities", "class_count": 2}]
    _, found = triton("infer", way, served.grpc, "digits", [("pixels", "FP32", PIXELS)], wanted)
    best = [int(text.split(b":")[1]) for text in found["probabilities"][:, 0]]
    assert best == served.probabilities().argmax(1).tolist()


@ways
@pytest.mark.parametrize(
    ("model", "options", "text"),
    [
        ("nobody", {}, r"^\[StatusCode.NOT_FOUND\] .*nobody"),
        ("places", {"priority": 1}, r"^\[StatusCode.INVALID_ARGUMENT\] .*priorit"),
        ("places", {"sequence_id": 7}, r"^\[StatusCode.INVALID_ARGUMENT\] .*sequence"),
        ("shouting", {}, r"^\[StatusCode.INVALID_ARGUMENT\] .*the inputs text"),
        ("digits", {}, r"^\[StatusCode.INVALID_ARGUMENT\] .*the inputs pixels"),
    ],
)
def test_triton_grpc_errors(
    triton: ClientProcess, served: Served, way: str, model: str, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ClientRaised, match=text):
        triton("infer", way, served.grpc, model, PLACES, **options)


def test_triton_grpc_stream(triton: ClientProcess, served: Served) -> None:
    assert "StatusCode.UNIMPLEMENTED" in triton("stream", served.grpc, "places", PLACES)


@ways
@pytest.mark.parametrize(
    ("method", "arguments"),
    [("load_model", ["digits"]), ("get_model_config", ["digits"]), ("get_log_settings", [])],
)
def test_triton_grpc_calls_of_other_services(
    triton: ClientProcess, served: Served, way: str, method: str, arguments: list[str]
) -> None:
    with pytest.raises(ClientRaised, match=r"^\[StatusCode.UNIMPLEMENTED\] \w+"):
        triton("call", way, served.grpc, method, *arguments)
