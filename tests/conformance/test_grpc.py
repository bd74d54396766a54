"""The gRPC side: the same model over GRPCInferenceService."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.grpc_messages import CONTENTS
from tests.conformance.grpc_side import GrpcSide
from tests.conformance.messages import assert_same
from tests.conformance.server import Server
from tests.conformance.tensors import Tensor
from tests.conformance.test_refusals import INSIDE


@pytest.fixture(scope="module")
def grpc_side(server: Server) -> GrpcSide:
    """The gRPC side of the server; skips where it was not named."""
    if server.target.grpc is None:
        pytest.skip("no gRPC address was given: --grpc HOST:PORT")
    if importlib.util.find_spec("grpc") is None:
        pytest.skip("the gRPC tests need grpcio and protobuf: pip install grpcio protobuf")
    return GrpcSide(server.target.grpc, server.target.model, server.target.version)


def _typed(server: Server) -> list[Tensor]:
    """The inputs, if typed contents can hold them."""
    if any(tensor.datatype not in CONTENTS for tensor in server.tensors):
        pytest.skip("an input is FP16 or BF16, for which there are raw contents only")
    return server.tensors


@pytest.mark.parametrize(("method", "flag"), [("ServerLive", "live"), ("ServerReady", "ready")])
def test_grpc_server_health(grpc_side: GrpcSide, method: str, flag: str) -> None:
    """A server that is up is live and ready.

    Required: Health (gRPC).
    """
    assert getattr(grpc_side.call(method), flag) is True


def test_grpc_model_is_ready(grpc_side: GrpcSide) -> None:
    """A loaded model is ready.

    Required: Model Ready (gRPC).
    """
    assert grpc_side.call("ModelReady", name=grpc_side.model, version=grpc_side.version).ready is True


def test_grpc_unknown_model_is_not_ready(grpc_side: GrpcSide) -> None:
    """A model that the server does not have is an error, or not ready.

    Required: Model Ready (gRPC).
    """
    if grpc_side.error_of("ModelReady", name="no-such-model") is None:
        assert grpc_side.call("ModelReady", name="no-such-model").ready is False


def test_grpc_server_metadata(grpc_side: GrpcSide) -> None:
    """The server has a name.

    Required: Server Metadata (gRPC).
    """
    assert grpc_side.call("ServerMetadata").name


def test_grpc_model_metadata(grpc_side: GrpcSide, server: Server) -> None:
    """Inputs and outputs have the names, datatypes and shapes of HTTP.

    Required: Model Metadata (gRPC).
    """
    if not server.model_metadata:
        pytest.skip("the metadata over HTTP cannot be read, which another test reports")
    metadata = grpc_side.call("ModelMetadata", name=grpc_side.model, version=grpc_side.version)
    assert metadata.name == grpc_side.model
    for side in ("inputs", "outputs"):
        found = [(each.name, each.datatype, list(each.shape)) for each in getattr(metadata, side)]
        expected = [(each["name"], each["datatype"], each["shape"]) for each in server.model_metadata.get(side) or []]
        assert found == expected, f"{side}: {found} is not {expected}"


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_grpc_infer_equals_http(grpc_side: GrpcSide, steady: Server, raw: bool) -> None:
    """Raw contents and typed contents both give what HTTP gives.

    Required: Inference (gRPC).
    """
    tensors = steady.tensors if raw else _typed(steady)
    outputs = grpc_side.infer(tensors, raw=raw)
    assert sorted(output.name for output in outputs) == sorted(steady.reply.names)
    assert_same(outputs, steady.reply.outputs)


@pytest.mark.parametrize("given", ["42", "é✓"], ids=["number", "unicode"])
def test_grpc_infer_names_the_model_and_the_id(grpc_side: GrpcSide, server: Server, given: str) -> None:
    """The response has the model's name and the id of the request.

    Required: Inference (gRPC).
    """
    response = grpc_side.call("ModelInfer", **grpc_side.request(server.tensors, raw=True, id=given))
    assert (response.model_name, response.id) == (grpc_side.model, given)


def test_grpc_only_requested_outputs_are_returned(grpc_side: GrpcSide, server: Server) -> None:
    """A request that names one output gets that one, for each output.

    Required: Inference (gRPC).
    """
    for name in server.reply.names:
        outputs = grpc_side.infer(server.tensors, raw=True, outputs=[{"name": name}])
        assert [output.name for output in outputs] == [name]


def _of(side: GrpcSide, server: Server, **fields: Any) -> dict[str, Any]:
    return side.request(server.tensors, raw=True) | fields


def _raw_of(side: GrpcSide, server: Server, change: Callable[[list[bytes]], list[bytes]]) -> dict[str, Any]:
    request = side.request(server.tensors, raw=True)
    return request | {"raw_input_contents": change(request["raw_input_contents"])}


def _first(side: GrpcSide, server: Server, **fields: Any) -> dict[str, Any]:
    request = side.request(server.tensors, raw=True)
    return request | {"inputs": [request["inputs"][0] | fields, *request["inputs"][1:]]}


def _both(side: GrpcSide, server: Server) -> dict[str, Any]:
    return side.request(_typed(server), raw=False) | {
        "raw_input_contents": side.request(server.tensors, raw=True)["raw_input_contents"]
    }


REQUIRED: dict[str, Callable[[GrpcSide, Server], dict[str, Any]]] = {
    "unknown-model": lambda side, server: _of(side, server, model_name="no-such-model"),
    "no-inputs": lambda side, server: _of(side, server, inputs=[], raw_input_contents=[]),
    "raw-contents-missing": lambda side, server: _raw_of(side, server, lambda contents: contents[:-1] or [b""]),
    "raw-content-cut": lambda side, server: _raw_of(side, server, lambda contents: [contents[0][:-1], *contents[1:]]),
    "raw-content-longer": lambda side, server: _raw_of(
        side, server, lambda contents: [contents[0] + b"\0\0\0\0\0", *contents[1:]]
    ),
    "raw-and-typed-contents": _both,
    "unknown-datatype": lambda side, server: _first(side, server, datatype="FLOAT"),
    "negative-dimension": lambda side, server: _first(side, server, shape=[-1, -1]),
    "product-beyond-64-bits": lambda side, server: _first(side, server, shape=[2**33, 2**33]),
}
DOUBTFUL: dict[str, Callable[[GrpcSide, Server], dict[str, Any]]] = {
    "raw-contents-too-many": lambda side, server: _raw_of(side, server, lambda contents: [*contents, contents[0]]),
    "unknown-input": lambda side, server: _first(side, server, name="no-such-input"),
    "unknown-output": lambda side, server: _of(side, server, outputs=[{"name": "no-such-output"}]),
    "duplicate-input": lambda side, server: side.request([*server.tensors, server.tensors[0]], raw=True),
}


@pytest.mark.parametrize("make", REQUIRED.values(), ids=REQUIRED)
def test_grpc_a_wrong_request_is_an_error(
    grpc_side: GrpcSide, server: Server, make: Callable[[GrpcSide, Server], dict[str, Any]]
) -> None:
    """An error is a status of gRPC other than OK.

    Required: Inference (gRPC).
    """
    error = grpc_side.error_of("ModelInfer", **make(grpc_side, server))
    assert error is not None, "an error expected, the status was OK"


@pytest.mark.parametrize("make", DOUBTFUL.values(), ids=DOUBTFUL)
def test_grpc_a_doubtful_request_is_an_error(
    grpc_side: GrpcSide, server: Server, make: Callable[[GrpcSide, Server], dict[str, Any]]
) -> None:
    """The text is silent about these; an error shows the client its mistake.

    Recommended: Inference (gRPC).
    """
    error = grpc_side.error_of("ModelInfer", **make(grpc_side, server))
    assert error is not None, "an error expected, the status was OK"


EVERY = REQUIRED | DOUBTFUL


@pytest.mark.parametrize("name", EVERY)
def test_grpc_an_error_of_the_client_has_such_a_code(grpc_side: GrpcSide, server: Server, name: str) -> None:
    """NOT_FOUND for an unknown model, else INVALID_ARGUMENT; the details are a sentence without traces and paths.

    Recommended: Inference (gRPC).
    """
    error = grpc_side.error_of("ModelInfer", **EVERY[name](grpc_side, server))
    if error is None:
        pytest.skip("the request was answered, which another test reports")
    expected = grpc_side.codes.NOT_FOUND if name == "unknown-model" else grpc_side.codes.INVALID_ARGUMENT
    details = error.details() or ""
    assert error.code() == expected, f"{expected.name} expected, {error.code().name}: {details[:200]}"
    assert details, "the error has no details"
    assert INSIDE.search(details) is None, f"the details show the inside: {details[:200]}"
