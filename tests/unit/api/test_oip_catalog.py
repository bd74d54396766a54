"""The server and its models as the protocol describes them."""

from __future__ import annotations

import httpx
import pytest
from plimsoll.api.oip_catalog import EXTENSIONS
from plimsoll.api.serving_state import Phase
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge

TWO_INPUTS = Signature(
    inputs=(TensorSpec("image", "FP32", (-1, 2, -1)), TensorSpec("flag", "BOOL", (-1,))),
    outputs=(TensorSpec("mask", "FP32", (-1, 2, -1)), TensorSpec("same", "BOOL", (-1,))),
)


async def get(edge: Edge, path: str) -> httpx.Response:
    return await edge.client.get(f"/v2/models/{path}")


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
async def test_the_server_names_itself_and_the_extensions_that_work(edge: Edge, path: str) -> None:
    reply = await edge.client.get(path)
    assert (reply.status_code, reply.json()) == (
        200, {"name": "plimsoll", "version": "1.2.3", "extensions": list(EXTENSIONS)},
    )  # fmt: skip


async def test_models_are_listed_by_name_ready_or_not(edge: Edge) -> None:
    assert (await edge.client.get("/v2/models")).json() == {"models": []}
    edge.serve("one", "1", EchoModel())
    edge.desire("another", "1")
    assert (await edge.client.get("/v2/models")).json() == {"models": ["another", "one"]}


async def test_a_model_is_described_by_the_tensors_on_the_wire_and_the_facts_about_its_version(edge: Edge) -> None:
    edge.serve("two", "1", EchoModel(TWO_INPUTS), task=TensorTask)
    described = (await get(edge, "two")).json()
    assert described.pop("properties") == {
        "version": "1", "digest": f"{1:064x}", "golden": "passed", "task": "tabular-classification", "device": "cpu",
    }  # fmt: skip
    assert described == {
        "name": "two", "versions": ["1"], "platform": "pytorch_safetensors",
        "inputs": [
            {"name": "image", "datatype": "FP32", "shape": [-1, 2, -1]},
            {"name": "flag", "datatype": "BOOL", "shape": [-1]},
        ],
        "outputs": [
            {"name": "mask", "datatype": "FP32", "shape": [-1, 2, -1]},
            {"name": "same", "datatype": "BOOL", "shape": [-1]},
        ],
    }  # fmt: skip


async def test_the_answering_versions_are_listed_and_without_weights_the_highest_is_described(edge: Edge) -> None:
    for version in ("9", "10"):
        edge.serve("echo", version, EchoModel())
    edge.desire("echo", "11")
    described = (await get(edge, "echo")).json()
    assert (described["versions"], described["properties"]["version"]) == (["9", "10"], "10")
    pinned = (await get(edge, "echo/versions/9")).json()
    assert (pinned["versions"], pinned["properties"]["version"]) == (["9", "10"], "9")


async def test_with_weights_the_version_with_most_requests_is_described(edge: Edge) -> None:
    for version in ("1", "2"):
        edge.serve("echo", version, EchoModel())
    weighted = [DesiredVersion(version="1", weight=90), DesiredVersion(version="2", weight=10)]
    edge.registry.desire(DesiredState(models=[DesiredModel(name="echo", versions=weighted)]))
    assert (await get(edge, "echo")).json()["properties"]["version"] == "1"


@pytest.mark.parametrize("end", ["", "/ready", "/config", "/stats"])
@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("ghost", 404, "there is no model 'ghost'; expected one of: echo, slow, broken"),
        ("ghost/versions/1", 404, "there is no model 'ghost'; expected one of: echo, slow, broken"),
        ("echo/versions/7", 404, "model 'echo' has no version '7'; expected one of: 1"),
        ("echo/versions/latest", 404, "model 'echo' has no version 'latest'; expected one of: 1"),
        ("slow", 503, "model 'slow' is not ready"),
        ("slow/versions/1", 503, "version 1 of model 'slow' is not ready"),
        ("broken", 503, "model 'broken' could not be loaded"),
    ],
)
async def test_a_model_that_does_not_answer_is_an_error_in_one_sentence(
    edge: Edge, path: str, end: str, status: int, sentence: str
) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.desire("slow", "1")
    edge.desire("broken", "1")
    edge.registry.fail("broken", "1", "check 'golden' failed")
    reply = await get(edge, path + end)
    assert (reply.status_code, reply.json()) == (status, {"error": sentence})


async def test_a_model_is_ready_until_the_server_stops(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    for path in ("echo/ready", "echo/versions/1/ready"):
        assert (await get(edge, path)).json() == {"name": "echo", "ready": True}
    edge.state.phase = Phase.LEAVING
    reply = await get(edge, "echo/ready")
    assert (reply.status_code, reply.json()) == (
        503, {"error": "model 'echo' is not ready: the server was told to stop"},
    )  # fmt: skip
