"""The gRPC side of the reference server; needs the packages grpcio and protobuf."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.conformance.grpc_messages import CONTENTS, METHODS, SERVICE, message_classes
from tests.conformance.reference_models import MODELS, VERSION, Model, TensorType
from tests.conformance.reference_reading import Question, RefusedError, binary_tensor, checked, input_type, typed_tensor
from tests.conformance.reference_server import EXTENSIONS
from tests.conformance.tensors import to_binary

Respond = Callable[[str, Any], dict[str, Any]]


def answer(method: str, request: Any) -> dict[str, Any]:
    """The fields of the response to a request.

    Raises:
        RefusedError: if the client is at fault.
    """
    if method in ("ServerLive", "ServerReady"):
        return {method.removeprefix("Server").lower(): True}
    if method == "ServerMetadata":
        return {"name": "reference", "version": "1", "extensions": EXTENSIONS}
    name = request.model_name if method == "ModelInfer" else request.name
    version = request.model_version if method == "ModelInfer" else request.version
    model = MODELS.get(name)
    if model is None or version not in ("", VERSION):
        raise RefusedError("there is no such model or version", 404)
    if method == "ModelReady":
        return {"ready": True}
    if method == "ModelMetadata":
        sides = {"inputs": model.inputs, "outputs": model.outputs}
        tensors = {side: [tensor.document() for tensor in found] for side, found in sides.items()}
        return {"name": name, "versions": [VERSION], "platform": "numpy_reference"} | tensors
    return _infer(model, request)


def _infer(model: Model, request: Any) -> dict[str, Any]:
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise RefusedError(f"{len(request.inputs)} raw contents expected, one for each input; {len(raw)} given")
    if raw and any(each.HasField("contents") for each in request.inputs):
        raise RefusedError("an input has contents, which must not be next to raw contents")
    tensors = {}
    for place, each in enumerate(request.inputs):
        given = {"name": each.name, "datatype": each.datatype, "shape": list(each.shape)}
        kind = input_type(model, given)
        if kind.name in tensors:
            raise RefusedError(f"input {kind.name} comes twice")
        if raw:
            tensors[kind.name] = binary_tensor(kind, given["shape"], raw[place])
        else:
            tensors[kind.name] = typed_tensor(kind, given["shape"], _contents(kind, each))
    names = [{"name": output.name} for output in request.outputs]
    question = checked(model, tensors, {"outputs": names} if names else {})
    return _response(model, request, question)


def _contents(kind: TensorType, given: Any) -> list[Any]:
    if kind.datatype not in CONTENTS:
        raise RefusedError(f"input {kind.name} is {kind.datatype}, for which there are raw contents only")
    return list(getattr(given.contents, CONTENTS[kind.datatype]))


def _response(model: Model, request: Any, question: Question) -> dict[str, Any]:
    computed = model.compute(question.tensors)
    datatypes = {output.name: output.datatype for output in model.outputs}
    names = [output["name"] for output in question.outputs]
    outputs = [{"name": name, "datatype": datatypes[name], "shape": list(computed[name].shape)} for name in names]
    raw = [to_binary(datatypes[name], computed[name]) for name in names]
    head = {"model_name": request.model_name, "model_version": VERSION, "id": request.id}
    return head | {"outputs": outputs, "raw_output_contents": raw}


@contextmanager
def served_grpc(respond: Respond = answer, port: int = 0) -> Iterator[str]:
    """The address of a gRPC server on loopback, for as long as the block runs."""
    grpc: Any = importlib.import_module("grpc")
    messages = message_classes()

    def handler(method: str) -> Any:
        def unary(request: Any, context: Any) -> Any:
            try:
                return messages[f"{method}Response"](**respond(method, request))
            except RefusedError as error:
                not_found = error.status == 404
                code = grpc.StatusCode.NOT_FOUND if not_found else grpc.StatusCode.INVALID_ARGUMENT
                context.abort(code, str(error))

        return grpc.unary_unary_rpc_method_handler(
            unary,
            request_deserializer=messages[f"{method}Request"].FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )

    server = grpc.server(ThreadPoolExecutor(2))
    handlers = {method: handler(method) for method in METHODS}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        server.stop(0).wait(10)
