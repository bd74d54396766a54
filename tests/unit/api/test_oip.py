"""The Open Inference Protocol over HTTP, as clients see it."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import numpy as np
import pytest
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.models import EchoModel, FailingModel, flat_signature
from tests.unit.api.conftest import Edge

PATH = "/v2/models/echo/infer"
ROWS = np.array([[0.25, -1], [3, 1e10]], np.float32)
PAIR = Signature(
    (TensorSpec("ids", "INT64", (-1, 3)), TensorSpec("flag", "BOOL", (-1,))),
    (TensorSpec("same_ids", "INT64", (-1, 3)), TensorSpec("same_flag", "BOOL", (-1,))),
)


def described(rows: Any = ROWS, **more: Any) -> dict[str, Any]:
    return {"name": "x", "datatype": "FP32", "shape": list(np.shape(rows)), **more}


def in_json(rows: Any = ROWS, **more: Any) -> dict[str, Any]:
    return {"inputs": [described(rows, data=np.asarray(rows).tolist())], **more}


def in_bytes(raw: bytes, document: dict[str, Any]) -> dict[str, Any]:
    head = json.dumps(document).encode()
    return {"content": head + raw, "headers": {"Inference-Header-Content-Length": str(len(head))}}


def parts(reply: Any) -> tuple[dict[str, Any], bytes]:
    length = int(reply.headers["inference-header-content-length"])
    return json.loads(reply.content[:length]), reply.content[length:]


@pytest.fixture
async def echo(edge: Edge) -> Edge:
    edge.serve("echo", "1", EchoModel())
    return edge


async def test_json_goes_in_and_comes_out(echo: Edge) -> None:
    reply = await echo.client.post(PATH, json=in_json(id="of mine"))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.headers["x-plimsoll-version"] == "1"
    assert reply.json() == {
        "model_name": "echo", "model_version": "1", "id": "of mine",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 2], "data": [0.25, -1, 3, 1e10]}],
    }  # fmt: skip
    (outcome,) = echo.observer.outcomes
    assert (outcome.protocol, outcome.model, outcome.status) == ("v2", "echo", 200)


async def test_flat_data_is_that_of_nested_lists(echo: Edge) -> None:
    flat = {"inputs": [described(data=ROWS.reshape(-1).tolist())]}
    replies = [(await echo.client.post(PATH, json=each)).json() for each in (flat, in_json())]
    assert replies[0]["outputs"] == replies[1]["outputs"]
    assert "id" not in replies[0]


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "application/json", "text/plain"])
async def test_bytes_go_in_and_come_out_whatever_type_is_declared(echo: Edge, content_type: str | None) -> None:
    document = {
        "inputs": [described(parameters={"binary_data_size": 16})], "parameters": {"binary_data_output": True}
    }  # fmt: skip
    sent = in_bytes(ROWS.tobytes(), document)
    if content_type is not None:
        sent["headers"]["Content-Type"] = content_type
    reply = await echo.client.post(PATH, **sent)
    head, raw = parts(reply)
    assert reply.headers["content-type"] == "application/octet-stream"
    assert head["outputs"] == [
        {"name": "y", "datatype": "FP32", "shape": [2, 2], "parameters": {"binary_data_size": 16}}
    ]
    assert raw == ROWS.tobytes()


async def test_inputs_and_outputs_may_each_be_json_or_bytes(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel(PAIR), task=TensorTask)
    inputs = [
        {"name": "flag", "datatype": "BOOL", "shape": [1], "parameters": {"binary_data_size": 1}},
        {"name": "ids", "datatype": "INT64", "shape": [1, 3], "data": [[1, 2, 1 << 60]]},
    ]
    outputs = [{"name": "same_ids", "parameters": {"binary_data": True}}, {"name": "same_flag"}]
    head, raw = parts(await edge.client.post(PATH, **in_bytes(b"\1", {"inputs": inputs, "outputs": outputs})))
    assert head["outputs"] == [
        {"name": "same_ids", "datatype": "INT64", "shape": [1, 3], "parameters": {"binary_data_size": 24}},
        {"name": "same_flag", "datatype": "BOOL", "shape": [1], "data": [True]},
    ]
    assert np.frombuffer(raw, np.int64).tolist() == [1, 2, 1 << 60]
    only = await edge.client.post(PATH, **in_bytes(b"\1", {"inputs": inputs, "outputs": outputs[1:]}))
    assert [each["name"] for each in only.json()["outputs"]] == ["same_flag"]
    assert "inference-header-content-length" not in only.headers


async def test_a_body_without_json_is_the_one_row_of_the_one_input(echo: Edge) -> None:
    headers = {"Inference-Header-Content-Length": "0"}
    head, raw = parts(await echo.client.post(PATH, content=ROWS[:1].tobytes(), headers=headers))
    assert (head["outputs"][0]["shape"], raw) == ([1, 2], ROWS[:1].tobytes())


@pytest.mark.parametrize(
    ("coding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes), ("GZIP", gzip.compress)],
)
async def test_bodies_are_inflated(echo: Edge, coding: str, compress: Any) -> None:
    content = compress(json.dumps(in_json()).encode())
    reply = await echo.client.post(PATH, content=content, headers={"Content-Encoding": coding})
    assert reply.json()["outputs"][0]["data"] == ROWS.reshape(-1).tolist()


async def test_best_classes_are_asked_for_by_their_number(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel(flat_signature(3)))
    document = in_json([[0.1, 0.7, 0.2]], outputs=[{"name": "y", "parameters": {"classification": 2}}])
    (output,) = (await edge.client.post(PATH, json=document)).json()["outputs"]
    assert output == {"name": "y", "datatype": "BYTES", "shape": [1, 2], "data": ["0.700000:1:b", "0.200000:2:c"]}


async def test_one_version_is_asked_by_its_path(echo: Edge) -> None:
    echo.serve("echo", "2", EchoModel())
    reply = await echo.client.post("/v2/models/echo/versions/2/infer", json=in_json())
    assert reply.json()["model_version"] == "2"
    missing = await echo.client.post("/v2/models/echo/versions/3/infer", json=in_json())
    assert missing.status_code == 404
    assert "has no version '3'" in missing.json()["error"]


@pytest.mark.parametrize(
    ("document", "status", "sentence"),
    [
        ({}, 400, "the body is no inference request; expected an object"),
        ({"inputs": []}, 400, "the number of inputs is wrong; expected the inputs x; given 0 inputs"),
        ({"inputs": [described()] * 30}, 400, "the number of inputs is wrong"),
        ({"inputs": [described()]}, 400, "input 'x' has no list as its data; expected a list; given null"),
        ({"inputs": [described(data=[1])]}, 400, "the data of the input 'x' has the wrong number of elements"),
        ({"inputs": [{**described(), "name": 7}]}, 400, "Expected `str`, got `int` - at `$.inputs[0].name`"),
        ({"inputs": [{**described(), "shape": [2.5]}]}, 400, "Expected `int`"),
        ({"inputs": [{**described(), "shape": [1 << 60, 2]}]}, 400, "the number of rows is out of range"),
        ({"inputs": [{**described(), "shape": [10**1000, 2]}]}, 400, "given '[1000000000"),
        ({"inputs": [described(parameters={"binary_data_size": 10**1000})]}, 400, "given '100000000"),
        ({"inputs": [described(data=[1, 2, 3, 1e39])]}, 400, "does not fit FP32 in row 1"),
        ({**in_json(), "id": 7}, 400, "Expected `str | null`, got `int` - at `$.id`"),
        ({**in_json(), "parameters": {"priority": 1}}, 400, "requests have no priorities here"),
        (
            {"inputs": [described(parameters={"shared_memory_region": "r"})]}, 400,
            "the input 'x' is in shared memory, which this server does not read; expected its data in the request",
        ),
        ({"inputs": [described(data=[1, 2, 3, 4], parameters={"binary_data_size": 16})]}, 400, "given both"),
        ({"inputs": [described(parameters={"binary_data_size": "16"})]}, 400, "given '16'"),
        ({"inputs": [described(parameters={"binary_data_size": 16})]}, 400, "the body ends before the bytes of"),
    ],
)  # fmt: skip
async def test_a_wrong_request_gets_one_sentence(
    echo: Edge, document: dict[str, Any], status: int, sentence: str
) -> None:
    reply = await echo.client.post(PATH, content=json.dumps(document))
    assert (reply.status_code, list(reply.json())) == (status, ["error"])
    assert sentence in reply.json()["error"]
    (outcome,) = echo.observer.outcomes
    assert outcome.status == status


@pytest.mark.parametrize(
    ("content", "headers", "status", "sentence"),
    [
        (b"", {}, 400, "the body is empty"),
        (b"", {"Inference-Header-Content-Length": "0"}, 400, "the body is empty"),
        (b"{", {}, 400, "the body is not JSON"),
        (b'{"inputs": [NaN]}', {}, 400, "JSON has no NaN or Infinity, which need binary tensor data"),
        (b"\xff{}", {}, 400, "the body is not JSON"),
        (b'{"id": "a\xff"}', {}, 400, "given bytes that are not UTF-8"),
        (b"[" * 1500, {}, 400, "the body is no"),
        (b'{"inputs": []}', {"Inference-Header-Content-Length": "7"}, 400, "the first 7 bytes of the body, as Infer"),
        (b"{}", {"Inference-Header-Content-Length": "3"}, 400, "expected a whole number from 0 to 2"),
        (b"{}", {"Inference-Header-Content-Length": "-1"}, 400, "given '-1'"),
        (b"{}", {"Inference-Header-Content-Length": "9" * 5000}, 400, "is not a length within the body"),
        (b"abc", {"Inference-Header-Content-Length": "0"}, 400, "the input 'x' has the wrong number of bytes"),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "expected Content-Type: application/json"),
        (b"{}", {"Content-Encoding": "br"}, 415, "expected Content-Encoding: gzip or deflate"),
        (b"{}", {"Content-Encoding": "gzip"}, 400, "the body is not compressed as Content-Encoding says"),
        (zlib.compress(b"{}" * 50)[:-6], {"Content-Encoding": "deflate"}, 400, "the compressed body is cut short"),
        (gzip.compress(b"{}", mtime=0) * 2, {"Content-Encoding": "gzip"}, 400, "goes on after its end"),
        (gzip.compress(b" " * 1_000_000, mtime=0), {"Content-Encoding": "gzip"}, 413, "too long once it is inflated"),
    ],
)  # fmt: skip
async def test_wrong_bytes_get_one_sentence(
    echo: Edge, content: bytes, headers: dict[str, str], status: int, sentence: str
) -> None:
    reply = await echo.client.post(PATH, content=content, headers=headers)
    assert (reply.status_code, list(reply.json())) == (status, ["error"])
    assert sentence in reply.json()["error"]


async def test_bytes_left_over_are_refused(echo: Edge) -> None:
    document = {"inputs": [described(parameters={"binary_data_size": 16})]}
    reply = await echo.client.post(PATH, **in_bytes(ROWS.tobytes() + b"\0", document))
    assert (
        reply.json()["error"]
        == "the body goes on after the last tensor; expected 16 bytes after the JSON; given 17 bytes"
    )


async def test_an_input_given_twice_is_refused(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel(PAIR), task=TensorTask)
    flag = {"name": "flag", "datatype": "BOOL", "shape": [1], "data": [True]}
    twice = await edge.client.post(PATH, json={"inputs": [flag, flag]})
    assert (twice.status_code, twice.json()["error"]) == (
        400,
        "the input 'flag' is given twice; expected each input once",
    )
    missing = await edge.client.post(PATH, json={"inputs": [flag]})
    assert (missing.status_code, missing.json()["error"]) == (
        400, "the input 'ids' is missing; expected the inputs ids, flag",
    )  # fmt: skip


async def test_a_number_that_json_cannot_have_comes_as_bytes_alone(edge: Edge) -> None:
    class NaN(EchoModel):
        def run(self, inputs: Any) -> Any:
            return {"y": np.full_like(super().run(inputs)["y"], np.nan)}

    edge.serve("echo", "1", NaN())
    failed = await edge.client.post(PATH, json=in_json())
    assert (failed.status_code, list(failed.json())) == (500, ["error"])
    assert "the model gave a number that is not finite for row 0; expected finite numbers" in failed.json()["error"]
    _, raw = parts(await edge.client.post(PATH, json=in_json(parameters={"binary_data_output": True})))
    assert np.isnan(np.frombuffer(raw, np.float32)).all()


async def test_a_failure_shows_nothing_of_the_server(edge: Edge) -> None:
    edge.serve("echo", "1", FailingModel())
    reply = await edge.client.post(PATH, json=in_json())
    assert (reply.status_code, list(reply.json())) == (500, ["error"])
    assert FailingModel.private_words not in reply.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nowhere", 404), ("POST", "/v2/models/none/infer", 404), ("GET", PATH, 405), ("DELETE", PATH, 405),
        ("POST", "/v2/models/echo/infer/", 404),
    ],
)  # fmt: skip
async def test_errors_outside_of_a_front_have_the_same_form(echo: Edge, method: str, path: str, status: int) -> None:
    reply = await echo.client.request(method, path)
    assert (reply.status_code, list(reply.json())) == (status, ["error"])
    assert isinstance(reply.json()["error"], str)


async def test_the_timeout_of_a_request_is_in_microseconds(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    late = await edge.client.post(PATH, json=in_json(parameters={"timeout": 1}))
    assert (late.status_code, list(late.json())) == (504, ["error"])
    assert (await edge.client.post(PATH, json=in_json(parameters={"timeout": 10_000_000}))).status_code == 200
