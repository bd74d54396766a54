"""The extension for binary tensor data: requests that must be answered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.bad_requests import document_of
from tests.conformance.messages import (
    HEADER_LENGTH,
    Reply,
    Request,
    assert_same,
    binary_request,
    json_request,
    read_reply,
)
from tests.conformance.server import Server, error_of
from tests.conformance.tensors import WITHOUT_JSON, to_binary

ALL_BINARY = {"binary_data_output": True}


def asked(name: str, *, binary: bool) -> dict[str, Any]:
    """A requested output with its own choice of binary data."""
    return {"name": name, "parameters": {"binary_data": binary}}


def has_json(reply: Reply) -> None:
    """Skip where an output has no JSON form."""
    if any(output.datatype in WITHOUT_JSON for output in reply.outputs):
        pytest.skip("an output is FP16 or BF16, which have no agreed JSON form")


def test_binary_inputs_equal_json_inputs(steady: Server) -> None:
    """Inputs as little-endian binary data, row-major and without padding, give what the same inputs in JSON give.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    document_of(steady)
    has_json(steady.reply)
    reply = read_reply(steady.infer(binary_request(steady.tensors)))
    assert_same(reply.outputs, steady.reply.outputs)


def test_binary_and_json_inputs_in_one_request(steady: Server) -> None:
    """Each input chooses by itself.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    document_of(steady)
    has_json(steady.reply)
    if len(steady.tensors) < 2:
        pytest.skip("the model has one input")
    for tensor in steady.tensors:
        reply = read_reply(steady.infer(binary_request(steady.tensors, {tensor.name})))
        assert_same(reply.outputs, steady.reply.outputs)


def test_binary_data_output_makes_all_outputs_binary(steady: Server) -> None:
    """The parameter of the request makes every output binary; the elements are those of the JSON answer.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    reply = read_reply(steady.infer(steady.request(steady.tensors) if _halves(steady) else _all_binary(steady)))
    assert reply.binary == set(reply.names), f"only {sorted(reply.binary)} of {reply.names} are binary"
    assert_same(reply.outputs, steady.reply.outputs)


def test_an_output_asks_for_binary_data(steady: Server) -> None:
    """`binary_data` of a requested output makes that one binary, and leaves the others JSON.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    has_json(steady.reply)
    for name in steady.reply.names:
        outputs = [asked(each, binary=each == name) for each in steady.reply.names]
        reply = read_reply(steady.infer(steady.request(steady.tensors, outputs=outputs)))
        assert reply.binary == {name}, f"{name} was asked for as binary data, {sorted(reply.binary)} came so"
        assert_same(reply.outputs, steady.reply.outputs)


def test_an_output_overrides_binary_data_output(steady: Server) -> None:
    """`binary_data` of an output, given as false, overrides `binary_data_output` of the request.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    has_json(steady.reply)
    document_of(steady)
    name = steady.reply.names[0]
    request = json_request(steady.tensors, parameters=ALL_BINARY, outputs=[asked(name, binary=False)])
    assert read_reply(steady.infer(request)).binary == set(), f"{name} is binary"


def test_binary_outputs_stand_in_the_order_of_the_json(steady: Server) -> None:
    """The binary data of the outputs follows in the order of the JSON object, whatever order was asked for.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    names = steady.reply.names
    if len(names) < 2:
        pytest.skip("the model has one output")
    for order in (names, names[::-1]):
        outputs = [asked(name, binary=True) for name in order]
        reply = read_reply(steady.infer(steady.request(steady.tensors, outputs=outputs)))
        assert_same(reply.outputs, steady.reply.outputs)


def test_binary_answer_says_where_its_json_ends(server: Server) -> None:
    """An answer with binary data has the header, and Content-Length for all of it or a chunked body.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    request = server.request(server.tensors) if _halves(server) else _all_binary(server)
    response = server.infer(request)
    assert HEADER_LENGTH in response.headers, f"the answer has no {HEADER_LENGTH}"
    if "Transfer-Encoding" not in response.headers:
        assert response.headers.get("Content-Length") == str(len(response.content))


def test_json_answer_has_no_header_of_binary_data(server: Server) -> None:
    """The header belongs to answers with binary data; with it on others, clients look for data that is not there.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    has_json(server.reply)
    document_of(server)
    response = server.infer(json_request(server.tensors))
    length = response.headers.get(HEADER_LENGTH)
    assert length is None, f"{HEADER_LENGTH} is {length} on an answer of {len(response.content)} bytes of JSON"


def test_id_is_returned_with_binary_data(server: Server) -> None:
    """The JSON object of a binary answer is the inference response, with its id.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    request = binary_request(server.tensors, parameters=ALL_BINARY, id="with-binary")
    assert read_reply(server.infer(request)).document.get("id") == "with-binary"


def test_zero_size_binary_data(server: Server) -> None:
    """A tensor without elements has `binary_data_size` 0; it is answered, or refused with the error object.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    empty = [tensor.of(array=tensor.array[:0]) for tensor in server.tensors if tensor.shape]
    response = server.infer(binary_request(empty, parameters=ALL_BINARY))
    if response.status_code == 200:
        read_reply(response)
    else:
        error_of(response)


def test_bytes_need_not_be_text(steady: Server) -> None:
    """BYTES are bytes: those that are not UTF-8 are answered in binary data, or refused with the error object.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    tensors = []
    for tensor in steady.tensors:
        array = tensor.array.copy()
        if tensor.datatype == "BYTES":
            array.reshape(-1)[0] = b"\xff\x00\xfe"
        tensors.append(tensor.of(array=array))
    if not any(tensor.datatype == "BYTES" for tensor in tensors):
        pytest.skip("the model has no input of BYTES")
    response = steady.infer(binary_request(tensors, parameters=ALL_BINARY))
    if response.status_code == 200:
        read_reply(response)
    else:
        error_of(response)


def test_raw_request(steady: Server) -> None:
    """A header of 0 makes the whole body the one input, as a batch of one; every output is binary.

    For BYTES the body is the one element, without its length in front, as Triton reads it.

    Extension with binary_tensor_data: Raw Binary Request.
    """
    shape = (steady.model_metadata.get("inputs") or [{}])[0].get("shape", [])
    open_sizes = sum(size < 0 for size in shape[1:])
    if len(steady.tensors) != 1 or open_sizes > 1:
        pytest.skip("the model has more than one input, or one whose shape its size does not give")
    (tensor,) = steady.tensors
    single = tensor.of(array=tensor.array[:1])
    if tensor.datatype == "BYTES" and single.array.size != 1:
        pytest.skip("a row of BYTES must have one element")
    body = single.array.item() if tensor.datatype == "BYTES" else to_binary(single.datatype, single.array)
    headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: "0"}
    reply = read_reply(steady.infer(Request(body, headers)))
    assert reply.binary == set(reply.names), f"only {sorted(reply.binary)} of {reply.names} are binary"
    described = read_reply(steady.infer(binary_request([single], parameters=ALL_BINARY)))
    assert_same(reply.outputs, described.outputs)


def _halves(server: Server) -> bool:
    return any(tensor.datatype in WITHOUT_JSON for tensor in server.tensors)


def _all_binary(server: Server) -> Request:
    return json_request(server.tensors, parameters=ALL_BINARY)
