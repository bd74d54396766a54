"""Requests and answers as messages, over the real server."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
from grpc import aio
from numpy.typing import NDArray
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.rpc.open_inference_pb2 import InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.models import EchoModel, flat_signature
from tests.unit.rpc.conftest import Port, infer_input, raw_request

PAIR = Signature(
    (TensorSpec("ids", "INT64", (-1, 3)), TensorSpec("flag", "BOOL", (-1,))),
    (TensorSpec("same_ids", "INT64", (-1, 3)), TensorSpec("same_flag", "BOOL", (-1,))),
)
HALVES = Signature((TensorSpec("x", "BF16", (-1, 2)),), (TensorSpec("y", "BF16", (-1, 2)),))
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def typed_request(datatype: str = "FP32", shape: tuple[int, ...] = (1, 2), **contents: Any) -> ModelInferRequest:
    tensor = infer_input("x", datatype, shape, contents=InferTensorContents(**contents))
    return ModelInferRequest(model_name="echo", inputs=[tensor])


def pair_request(ids: Any = (1, 2, 1 << 60), *, outputs: tuple[str, ...] = ()) -> ModelInferRequest:
    wanted = [ModelInferRequest.InferRequestedOutputTensor(name=name) for name in outputs]
    inputs = [infer_input("flag", "BOOL", (1,)), infer_input("ids", "INT64", (1, 3))]
    raw = [b"\1", np.array(ids, np.int64).tobytes()]
    return ModelInferRequest(model_name="echo", inputs=inputs, outputs=wanted, raw_input_contents=raw)


async def refusal(port: Port, request: ModelInferRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as raised:
        await port.infer(request)
    return raised.value.code(), str(raised.value.details())


def raw_outputs(answer: ModelInferResponse) -> dict[str, bytes]:
    return {output.name: raw for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)}


async def test_bytes_are_answered_with_bytes(echo: Port) -> None:
    answer = await echo.infer(raw_request(id="of mine"))
    assert (answer.model_name, answer.model_version, answer.id) == ("echo", "1", "of mine")
    (output,) = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("y", "FP32", [1, 2])
    assert not output.HasField("contents")
    assert np.frombuffer(answer.raw_output_contents[0], np.float32).tolist() == [0.25, 0.75]


async def test_typed_contents_are_answered_with_typed_contents(echo: Port) -> None:
    answer = await echo.infer(typed_request(fp32_contents=[0.5, -2]))
    assert list(answer.outputs[0].contents.fp32_contents) == [0.5, -2]
    assert not answer.raw_output_contents
    assert answer.id == ""


@pytest.mark.parametrize(
    ("datatype", "field", "values"),
    [
        ("BOOL", "bool_contents", [True, False]),
        ("INT8", "int_contents", [-128, 127]),
        ("INT16", "int_contents", [-32768, 32767]),
        ("INT32", "int_contents", [-(1 << 31), (1 << 31) - 1]),
        ("INT64", "int64_contents", [-(1 << 63), (1 << 63) - 1]),
        ("UINT8", "uint_contents", [0, 255]),
        ("UINT16", "uint_contents", [0, 65535]),
        ("UINT32", "uint_contents", [0, (1 << 32) - 1]),
        ("UINT64", "uint64_contents", [0, (1 << 64) - 1]),
        ("FP32", "fp32_contents", [0.5, 2.0**100]),
        ("FP64", "fp64_contents", [0.1, 1e308]),
    ],
)
async def test_every_datatype_has_a_field_and_bytes(port: Port, datatype: Any, field: str, values: list[Any]) -> None:
    signature = Signature((TensorSpec("x", datatype, (-1, 2)),), (TensorSpec("y", datatype, (-1, 2)),))
    port.serve("echo", "1", EchoModel(signature), task=TensorTask)
    typed = await port.infer(typed_request(datatype, (1, 2), **{field: values}))
    assert list(getattr(typed.outputs[0].contents, field)) == values
    raw = np.array([values], signature.inputs[0].dtype)
    request = ModelInferRequest(
        model_name="echo", inputs=[infer_input("x", datatype, (1, 2))], raw_input_contents=[raw.tobytes()]
    )
    assert (await port.infer(request)).raw_output_contents == [raw.tobytes()]


async def test_bf16_has_bytes_alone(port: Port) -> None:
    port.serve("echo", "1", EchoModel(HALVES), task=TensorTask)
    ones = np.array([0x3F80, 0xBF80], np.uint16).tobytes()
    request = ModelInferRequest(model_name="echo", inputs=[infer_input("x", "BF16", (1, 2))], raw_input_contents=[ones])
    assert (await port.infer(request)).raw_output_contents == [ones]
    code, said = await refusal(port, typed_request("BF16", fp32_contents=[1, -1]))
    assert (code, said) == (
        INVALID,
        (
            "the input 'x' of BF16 has typed contents, and protobuf has no such numbers; "
            "expected its bytes in raw_input_contents"
        ),
    )


async def test_typed_contents_are_answered_with_bytes_where_an_output_has_no_field(port: Port) -> None:
    signature = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP16", (-1, 2)),))

    class Halving(EchoModel):
        def run(self, inputs: Any) -> dict[str, NDArray[Any]]:
            return {"y": inputs["x"].astype(np.float16)}

    port.serve("echo", "1", Halving(signature), task=TensorTask)
    answer = await port.infer(typed_request(fp32_contents=[0.5, 2]))
    assert np.frombuffer(answer.raw_output_contents[0], np.float16).tolist() == [0.5, 2]
    assert not answer.outputs[0].HasField("contents")


async def test_inputs_come_in_any_order_and_outputs_in_the_order_asked_for(port: Port) -> None:
    port.serve("echo", "1", EchoModel(PAIR), task=TensorTask)
    raw = {"same_ids": np.array([1, 2, 1 << 60], np.int64).tobytes(), "same_flag": b"\1"}
    assert raw_outputs(await port.infer(pair_request())) == raw
    asked = await port.infer(pair_request(outputs=("same_flag", "same_ids")))
    assert list(raw_outputs(asked)) == ["same_flag", "same_ids"]
    assert raw_outputs(await port.infer(pair_request(outputs=("same_flag",)))) == {"same_flag": b"\1"}


async def test_best_classes_are_asked_for_by_their_number(echo: Port) -> None:
    request = raw_request()
    request.outputs.add(name="y").parameters["classification"].int64_param = 1
    answer = await echo.infer(request)
    assert (answer.outputs[0].datatype, list(answer.outputs[0].shape)) == ("BYTES", [1, 1])
    assert answer.raw_output_contents[0][4:] == b"0.750000:1:b"
    request.ClearField("raw_input_contents")
    request.inputs[0].contents.fp32_contents.extend([0.25, 0.75])
    assert list((await echo.infer(request)).outputs[0].contents.bytes_contents) == [b"0.750000:1:b"]


WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"raw_input_contents": []},
        (
            "the contents of the input 'x' have the wrong number of elements; expected 2 elements for [1, 2]; "
            "given 0 elements"
        ),
    ),
    (
        {"raw_input_contents": [b"", b""]},
        "the number of raw_input_contents is wrong; expected one for each of the 1 inputs; given 2",
    ),
    (
        {"raw_input_contents": [bytes(7)]},
        "the input 'x' has the wrong number of bytes; expected 8 bytes for FP32 [1, 2]; given 7 bytes",
    ),
    ({"inputs": []}, "the number of inputs is wrong; expected the inputs x; given 0 inputs"),
    ({"inputs": [infer_input("z")]}, "unknown input 'z'; expected inputs x"),
    (
        {"inputs": [infer_input("x", "FP64")]},
        "the input 'x' has the wrong datatype; expected FP32; given 'FP64'",
    ),
    (
        {"inputs": [infer_input("x", shape=(1, 3))]},
        "the input 'x' has the wrong shape; expected [-1, 2], where -1 is any length from 1 on; given '[1, 3]'",
    ),
    (
        {"inputs": [infer_input("x", shape=(-1, 2))]},
        "the input 'x' has the wrong shape; expected [-1, 2], where -1 is any length from 1 on; given '[-1, 2]'",
    ),
    (
        {"inputs": [infer_input("x", contents=InferTensorContents(fp32_contents=[1, 2]))]},
        (
            "the input 'x' has typed contents, and the request has raw_input_contents too; "
            "expected either of the two for all inputs; given both"
        ),
    ),
    (
        {"inputs": [infer_input("x", parameters={"shared_memory_region": InferParameter(string_param="r")})]},
        "the input 'x' is in shared memory, which this server does not read; expected its data in the request",
    ),
    (
        {"outputs": [ModelInferRequest.InferRequestedOutputTensor(name="z")]},
        "the output 'z' is not known; expected outputs y",
    ),
    (
        {"parameters": {"priority": InferParameter(uint64_param=1)}},
        "requests have no priorities here; expected the parameter priority 0 or none; given '1'",
    ),
    (
        {"parameters": {"timeout": InferParameter(string_param="1")}},
        "the parameter timeout is not a time; expected a whole number of microseconds from 0 on; given '1'",
    ),
]


@pytest.mark.parametrize(("change", "said"), WRONG, ids=[said[:50] for _, said in WRONG])
async def test_a_wrong_request_is_refused_in_a_sentence(echo: Port, change: dict[str, Any], said: str) -> None:
    request = raw_request()
    for name in change:
        request.ClearField(name)
    request.MergeFrom(ModelInferRequest(**change))
    assert await refusal(echo, request) == (INVALID, said)
    assert echo.observer.last == ("echo", "1", 422)


async def test_typed_contents_in_the_wrong_field_or_out_of_range_are_refused(port: Port) -> None:
    port.serve("echo", "1", EchoModel(flat_signature(2, "UINT8")), task=TensorTask)
    assert await refusal(port, typed_request("UINT8", int_contents=[1, 2])) == (
        INVALID, ("the contents of the input 'x' are in the wrong field; expected uint_contents for UINT8; "
        "given int_contents"),
    )  # fmt: skip
    assert await refusal(port, typed_request("UINT8", uint_contents=[1, 256])) == (
        INVALID, "the input 'x' has an element that UINT8 cannot hold; expected whole numbers from 0 to 255; given 256",
    )  # fmt: skip


async def test_parameters_that_nobody_knows_are_passed_over(echo: Port) -> None:
    request = raw_request()
    for name in ("mine", "triton_enable_empty_final_response", "sequence_id", "priority", "timeout"):
        request.parameters[name].SetInParent()
    request.parameters["mine"].double_param = 0.5
    assert (await echo.infer(request)).model_name == "echo"
