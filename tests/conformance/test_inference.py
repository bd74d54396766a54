"""Inference in JSON: requests that must be answered."""

from __future__ import annotations

import pytest

from tests.conformance.bad_requests import FLOATS, document_of, one_of
from tests.conformance.messages import (
    JSON,
    Request,
    assert_same,
    binary_request,
    described,
    document_request,
    json_request,
    read_reply,
    strict_json,
)
from tests.conformance.server import BINARY, Server, error_of


def test_a_valid_request_is_answered(server: Server) -> None:
    """A request made from the metadata is answered with 200 and an object that can be read.

    Required: Inference.
    """
    assert not isinstance(server.found, str), server.found
    reply = read_reply(server.infer(server.request(server.found)))
    assert reply.outputs, "the answer has no outputs"


def test_response_names_the_model(server: Server) -> None:
    """The answer has the model's name, and its version as a text if it has one.

    Required: Inference Response JSON Object.
    """
    assert server.reply.document.get("model_name") == server.target.model
    version = server.reply.document.get("model_version")
    assert version is None or isinstance(version, str), f"model_version is {version!r}"


def test_absent_fields_are_left_out(server: Server) -> None:
    """A field without a value is left out: parameters are an object, and servers without versions give none.

    Recommended: Inference Response JSON Object, Response Output.
    """
    objects = [server.reply.document, *server.reply.document["outputs"]]
    nulls = sorted({key for each in objects for key, value in each.items() if value is None})
    assert nulls == [], f"{' and '.join(nulls)} came as null"


def test_json_answer_has_the_media_type_of_json(server: Server) -> None:
    """An answer without binary data is application/json.

    Required: Inference Request Examples.
    """
    document_of(server)
    response = server.infer(json_request(server.tensors))
    assert response.headers.get("Content-Type", "").split(";")[0].strip() == "application/json"


def test_all_outputs_are_returned(server: Server) -> None:
    """A request that names no outputs gets all of them, once each.

    Required: Inference Request JSON Object.
    """
    if not server.outputs:
        pytest.skip("the metadata lists no outputs")
    assert sorted(server.reply.names) == sorted(each["name"] for each in server.outputs)


def test_outputs_agree_with_the_metadata(server: Server) -> None:
    """Each output has the datatype of the metadata, its rank, and its size where that is fixed.

    Required: Response Output.
    """
    if not server.outputs:
        pytest.skip("the metadata lists no outputs")
    for expected in server.outputs:
        found = server.reply.output(expected["name"])
        assert found.datatype == expected["datatype"], f"{found.head()} is not {expected}"
        assert len(found.shape) == len(expected["shape"]), f"{found.head()} is not {expected}"
        sizes = zip(found.shape, expected["shape"], strict=True)
        assert all(size == other or other < 0 for size, other in sizes), f"{found.head()} is not {expected}"


def test_flat_data_equals_nested_data(steady: Server) -> None:
    """The elements may be one list, or nested as the shape is.

    Required: Tensor Data.
    """
    document_of(steady)
    nested = read_reply(steady.infer(json_request(steady.tensors)))
    flat = read_reply(steady.infer(json_request(steady.tensors, flat=True)))
    assert_same(flat.outputs, nested.outputs)


def test_order_of_inputs_does_not_matter(steady: Server) -> None:
    """Inputs are known by their names.

    Required: Request Input.
    """
    if len(steady.tensors) < 2:
        pytest.skip("the model has one input")
    turned = read_reply(steady.infer(steady.request(steady.tensors[::-1])))
    assert_same(turned.outputs, steady.reply.outputs)


@pytest.mark.parametrize("given", ["42", "a b/c?d", "é✓", "x" * 200], ids=["number", "signs", "unicode", "long"])
def test_id_is_returned(server: Server, given: str) -> None:
    """The id of the request comes back as it was given.

    Required: Inference Response JSON Object.
    """
    reply = read_reply(server.infer(server.request(server.tensors, id=given)))
    assert reply.document.get("id") == given, f"id {reply.document.get('id')!r} is not {given!r}"


def test_only_requested_outputs_are_returned(steady: Server) -> None:
    """A request that names one output gets that one, for each output.

    Required: Request Output.
    """
    for output in steady.reply.outputs:
        reply = read_reply(steady.infer(steady.request(steady.tensors, outputs=[{"name": output.name}])))
        assert reply.names == [output.name], f"{output.name} was asked for, {reply.names} came"
        assert_same(reply.outputs, steady.reply.outputs)


def test_outputs_come_in_the_order_requested(steady: Server) -> None:
    """The text sets no order; clients that read outputs by their place rely on this one.

    Recommended: Request Output.
    """
    if len(steady.reply.outputs) < 2:
        pytest.skip("the model has one output")
    asked = steady.reply.names[::-1]
    reply = read_reply(steady.infer(steady.request(steady.tensors, outputs=[{"name": name} for name in asked])))
    assert reply.names == asked


def test_infer_by_version(steady: Server) -> None:
    """The version in the path is a text, and each version of the metadata answers under its own path.

    Required: Inference.
    """
    if not steady.versions:
        pytest.skip("the metadata lists no versions")
    for version in steady.versions:
        path = f"/v2/models/{steady.target.model}/versions/{version}/infer"
        reply = read_reply(steady.infer(steady.request(steady.tensors), path))
        named = reply.document.get("model_version")
        assert named in (None, version), f"version {version} was asked for, {named!r} answered"


@pytest.mark.parametrize("coding", ["JSON", "binary"])
def test_nan_is_never_bare_in_json(server: Server, coding: str) -> None:
    """JSON has no NaN: a server refuses it, or its JSON answer has none, however it came in.

    Required: Tensor Data.
    """
    document = document_of(server)
    name = one_of(document, *FLOATS)["name"]
    if coding == "binary" and not server.has(BINARY):
        pytest.skip(f"the server does not advertise {BINARY}")
    tensors = []
    for tensor in server.tensors:
        array = tensor.array.copy()
        if tensor.name == name:
            array.reshape(-1)[0] = float("nan")
        tensors.append(tensor.of(array=array))
    response = server.infer(json_request(tensors) if coding == "JSON" else binary_request(tensors, {name}))
    if response.status_code == 200:
        strict_json(response.content)
    assert response.status_code == 200 or response.status_code >= 400, described(response)


def test_zero_size_is_answered_or_refused(server: Server) -> None:
    """A dimension of 0 is a valid number; a server answers with outputs that can be read, or refuses.

    Required: Request Input.
    """
    document = document_of(server)
    for each in document["inputs"]:
        each |= {"shape": [0, *each["shape"][1:]], "data": []}
    response = server.infer(document_request(document))
    if response.status_code == 200:
        read_reply(response)
    else:
        error_of(response)


def test_parameters_of_the_server_are_let_through(steady: Server) -> None:
    """A request with parameters that mean nothing to the server is answered as without them.

    Recommended: Parameters.
    """
    reply = read_reply(steady.infer(steady.request(steady.tensors, parameters={"x_note": "text", "x_number": 1})))
    assert_same(reply.outputs, steady.reply.outputs)


def test_media_type_may_have_a_charset(server: Server) -> None:
    """`application/json; charset=utf-8` is JSON.

    Recommended: Inference Request Examples.
    """
    document_of(server)
    request = json_request(server.tensors)
    read_reply(server.infer(Request(request.body, JSON | {"Content-Type": "application/json; charset=utf-8"})))
