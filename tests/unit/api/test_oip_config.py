"""Triton's configuration of a model, with nothing in it that is not so here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import LIMITS, Edge


async def config_of(edge: Edge, path: str = "echo") -> dict[str, Any]:
    reply = await edge.client.get(f"/v2/models/{path}/config")
    assert reply.status_code == 200, reply.text
    config: dict[str, Any] = reply.json()
    return config


async def test_tensors_have_tritons_types_and_no_batch_dimension(edge: Edge) -> None:
    signature = Signature((TensorSpec("x", "BF16", (-1, 3, -1)),), (TensorSpec("y", "BF16", (-1, 3, -1)),))
    edge.serve("echo", "1", EchoModel(signature), task=TensorTask)
    config = await config_of(edge)
    assert config["name"] == "echo"
    assert config["max_batch_size"] == 100
    (given,), (got,) = config["input"], config["output"]
    assert (given["name"], given["data_type"], given["dims"]) == ("x", "TYPE_BF16", [3, -1])
    assert (got["name"], got["data_type"], got["dims"]) == ("y", "TYPE_BF16", [3, -1])
    assert given["is_shape_tensor"] is given["optional"] is False


async def test_the_largest_request_that_it_names_is_the_largest_that_is_answered(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    most = (await config_of(edge))["max_batch_size"]
    for rows, status in ((most, 200), (most + 1, 400)):
        tensor = {"name": "x", "datatype": "FP32", "shape": [rows, 2], "data": [0] * 2 * rows}
        reply = await edge.client.post("/v2/models/echo/infer", json={"inputs": [tensor]})
        assert reply.status_code == status, reply.text


async def test_the_wait_for_a_batch_and_its_rows_are_those_of_the_version(edge: Edge) -> None:
    slow = LaneLimits(AdmissionLimits(requests=8, bytes=100_000), BatchLimits(max_rows=7, max_wait_seconds=0.0125))
    for version, limits in (("1", LIMITS), ("2", slow)):
        edge.serve("echo", version, EchoModel(), limits)
    config = await config_of(edge, "echo/versions/2")
    assert config["dynamic_batching"]["max_queue_delay_microseconds"] == 12_500
    assert config["parameters"]["max_batch_rows"] == {"string_value": "7"}
    assert config["parameters"]["version"] == {"string_value": "2"}
    assert (await config_of(edge, "echo/versions/1"))["dynamic_batching"]["max_queue_delay_microseconds"] == 0


async def test_labels_are_there_as_json(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    labels = (await config_of(edge))["parameters"]["labels"]["string_value"]
    assert orjson.loads(labels) == {"y": ["a", "b"]}


@pytest.mark.parametrize(
    ("device", "kind", "gpus"), [("cpu", "KIND_CPU", []), ("cuda:1", "KIND_GPU", [1]), ("cuda", "KIND_GPU", [0])]
)
async def test_the_instance_is_where_the_model_is(edge: Edge, device: str, kind: str, gpus: list[int]) -> None:
    edge.report = replace(edge.report, device=device)
    edge.serve("echo", "1", EchoModel())
    (instance,) = (await config_of(edge))["instance_group"]
    assert (instance["kind"], instance["count"], instance["gpus"]) == (kind, 1, gpus)
