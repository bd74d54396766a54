"""The Open Inference Protocol's ModelInfer: protobuf messages to a question, and an answer to a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from numpy.typing import NDArray

from plimsoll.errors import InvalidInput, PlimsollError
from plimsoll.fronts.raw_tensors import array_of, bytes_of
from plimsoll.fronts.tensor_requests import (
    TensorRequest,
    add_once,
    check_number,
    check_own_data,
    cost_of_elements,
    declared_spec,
    output_of,
    timeout_seconds,
    wanted_outputs,
)
from plimsoll.fronts.v1_json import named_target
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer, Signature, Target
from plimsoll.inference.ports import Json, Question, Reply
from plimsoll.inference.served_version import ServedVersion
from plimsoll.rpc import PROTOCOL
from plimsoll.rpc.message_head import parsed
from plimsoll.rpc.open_inference_pb2 import InferParameter, ModelInferRequest, ModelInferResponse
from plimsoll.rpc.tensor_contents import array_of_contents, contents_of, has_contents

_OF_REQUESTS = ("priority", "sequence_id", "timeout")
_OF_OUTPUTS = ("classification",)


class InferFront:
    """Implements `Front`; a body is the bytes of a ModelInferRequest, and its head is gRPC's metadata.

    A request of bytes is answered in bytes, and one of typed contents in typed contents, unless an output has a
    datatype that protobuf has no field for; then all outputs are bytes.
    """

    protocol = PROTOCOL
    media_types = ("application/grpc",)
    encodings = ()

    def target(self, call: Call) -> Target:
        """The target that path and head name."""
        return named_target(call)

    def reading_cost(self, call: Call, body: bytes, served: ServedVersion) -> int:
        """See `Front`; a number in typed contents takes as long as one in JSON."""
        del call
        return max(len(body), cost_of_elements(served, len(body)))

    def read(self, call: Call, body: bytes, served: ServedVersion) -> Question:
        """The question of a ModelInferRequest; `call.asked` becomes its `TensorRequest`.

        Raises:
            MalformedBody: the body is no such message.
            InvalidInput: the request is not one for this model.
        """
        request = parsed(ModelInferRequest, body)
        wire = served.task.wire
        call.timeout_seconds = timeout_seconds(_parameters(request.parameters, _OF_REQUESTS))
        asked = [(each.name, _parameters(each.parameters, _OF_OUTPUTS)) for each in request.outputs]
        wanted = wanted_outputs(wire, asked, binary=bool(request.raw_input_contents))
        call.asked = TensorRequest(request.id, wanted)
        return served.task.of_tensors(_tensors_of(request, wire))

    def reply(self, call: Call, served: ServedVersion, question: Question, answer: Answer) -> Reply:
        """The bytes of a ModelInferResponse with the wanted outputs, in the order of the request."""
        asked: TensorRequest = call.asked
        response = ModelInferResponse(model_name=answer.model, model_version=answer.version, id=asked.id)
        tensors = served.task.tensors(question, answer.outputs)
        outputs = [output_of(wanted, tensors) for wanted in asked.wanted]
        raw = asked.wanted[0].binary or not all(has_contents(spec.datatype) for spec, _ in outputs)  # all or none
        for spec, tensor in outputs:
            output = response.outputs.add(name=spec.name, datatype=spec.datatype, shape=tensor.shape)
            if raw:
                response.raw_output_contents.append(bytes_of(spec.datatype, tensor))
            else:
                output.contents.CopyFrom(contents_of(spec.datatype, tensor))
        return Reply(HTTPStatus.OK.value, [], response.SerializeToString())

    def refuse(self, call: Call, error: PlimsollError) -> Reply:
        """Nothing but the status; gRPC has codes and trailing metadata for errors."""
        del call
        return Reply(error.status, [], b"")

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """Nothing; the protocol's own file describes the messages."""
        del item, row, examples
        return {}

    def answer_content(self) -> Json:
        """Nothing, likewise."""
        return {}


def _tensors_of(request: ModelInferRequest, wire: Signature) -> dict[str, NDArray[Any]]:
    check_number(request.inputs, wire)
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise InvalidInput(
            "the number of raw_input_contents is wrong",
            expected=f"one for each of the {len(request.inputs)} inputs", given=f"{len(raw)}",
        )  # fmt: skip
    tensors: dict[str, NDArray[Any]] = {}
    for index, each in enumerate(request.inputs):
        check_own_data(each.name, each.parameters)
        shape = tuple(each.shape)
        spec = declared_spec(wire, each.name, each.datatype, shape)
        if not raw:
            tensor = array_of_contents(spec.name, spec.datatype, shape, each.contents)
        elif each.contents.ByteSize():
            raise InvalidInput(
                f"the input '{spec.name}' has typed contents, and the request has raw_input_contents too",
                expected="either of the two for all inputs", given="both",
            )  # fmt: skip
        else:
            tensor = array_of(spec.name, spec.datatype, shape, memoryview(raw[index]))
        add_once(tensors, spec.name, tensor)
    return tensors


def _parameters(given: Mapping[str, InferParameter], known: Sequence[str]) -> dict[str, Any]:
    """The values of the parameters that this server knows; it passes over all others."""
    found: dict[str, Any] = {}
    for name in known:
        if name in given and (choice := given[name].WhichOneof("parameter_choice")) is not None:
            found[name] = getattr(given[name], choice)
    return found
