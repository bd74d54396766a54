"""The way of one call: key, message, permit, deadline and reply, and the counts of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import numpy as np
import pytest
from grpc import aio
from plimsoll.access.keys import KeyEntry, KeyRing, new_key
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.models import EchoModel, FailingModel, SlowModel
from tests.unit.eventually import eventually
from tests.unit.rpc.conftest import LIMITS, ROW, SERVICE, OpenPort, Port, infer_input, raw_request

Code = grpc.StatusCode


async def ended(call: aio.UnaryUnaryCall) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Code, sentence and trailing metadata of a call that fails."""
    with pytest.raises(aio.AioRpcError) as raised:
        await call
    metadata = {str(name): str(value) for name, value in raised.value.trailing_metadata()}
    return raised.value.code(), str(raised.value.details()), metadata


def nothing_left(port: Port) -> bool:
    return (port.observer.in_flight, port.state.in_flight) == (0, 0) and all(
        lane.admission.requests_in_flight == lane.admission.bytes_in_flight == 0 for lane in port.lanes
    )


async def test_an_answer_is_counted_under_its_version_and_protocol(echo: Port) -> None:
    await echo.infer(raw_request())
    (outcome,) = echo.observer.outcomes
    assert (outcome.protocol, outcome.model, outcome.version, outcome.status) == ("grpc", "echo", "1", 200)
    assert outcome.code == ""
    assert outcome.scores is not None
    assert outcome.scores.values.tolist() == ROW.tolist()
    assert nothing_left(echo)


async def test_the_version_is_chosen_by_the_request_or_by_its_metadata(port: Port) -> None:
    port.serve("echo", "1", EchoModel())
    port.serve("echo", "2", EchoModel())
    assert (await port.infer(raw_request())).model_version == "2"
    assert (await port.infer(raw_request(model_version="1"))).model_version == "1"
    pinned = (("x-plimsoll-version", "1"),)
    assert (await port.infer(raw_request(), metadata=pinned)).model_version == "1"
    assert (await port.infer(raw_request(model_version="2"), metadata=pinned)).model_version == "2"


async def test_unknown_and_unready_models_have_codes_of_their_own(echo: Port) -> None:
    echo.desire("late", "1")
    code, said, _ = await ended(echo.infer(raw_request(name="ghost")))
    assert (code, said) == (Code.NOT_FOUND, "there is no model 'ghost'; expected one of: echo, late")
    assert (await ended(echo.infer(raw_request(model_version="9"))))[0] is Code.NOT_FOUND
    code, said, metadata = await ended(echo.infer(raw_request(name="late")))
    assert (code, said) == (Code.UNAVAILABLE, "model 'late' is not ready")
    assert metadata["grpc-retry-pushback-ms"] == "1000"
    code, said, _ = await ended(echo.infer(raw_request(name="")))
    assert (code, said) == (
        Code.INVALID_ARGUMENT, "the request names no model; expected the name of a model in model_name",
    )  # fmt: skip


async def test_a_key_is_needed_where_keys_are_set(echo: Port) -> None:
    key, sha256 = new_key()
    admin, admin_sha256 = new_key()
    echo.gate.use(
        KeyRing(
            (
                KeyEntry(label="clients", sha256=sha256, scopes=frozenset({"predict"})),
                KeyEntry(label="night-shift", sha256=admin_sha256, scopes=frozenset({"admin"})),
            )
        )
    )
    code, said, _ = await ended(echo.infer(raw_request()))
    assert (code, said) == (
        Code.UNAUTHENTICATED,
        "this server asks for an API key; expected Authorization: Bearer <key>; given none",
    )
    wrong = (("authorization", "Bearer plim_wrong"),)
    assert (await ended(echo.infer(raw_request(), metadata=wrong)))[0] is Code.UNAUTHENTICATED
    of_admin = (("x-api-key", admin),)
    assert (await ended(echo.infer(raw_request(), metadata=of_admin)))[0] is Code.PERMISSION_DENIED
    for metadata in ((("authorization", f"Bearer {key}"),), (("x-api-key", key),)):
        assert (await echo.infer(raw_request(), metadata=metadata)).model_name == "echo"
    assert [outcome.status for outcome in echo.observer.outcomes] == [401, 401, 403, 200, 200]


async def test_a_call_without_a_key_is_refused_before_its_message_is_read(echo: Port) -> None:
    echo.gate.use(KeyRing(()))

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.sleep(30)
        yield b""

    call = echo.channel.stream_unary(SERVICE + "ModelInfer")(nothing())
    async with asyncio.timeout(10):
        assert (await ended(call))[0] is Code.UNAUTHENTICATED


async def test_a_full_version_refuses_and_says_when_to_try_again(port: Port) -> None:
    model = SlowModel()
    limits = LaneLimits(AdmissionLimits(requests=1, bytes=100_000), BatchLimits(max_rows=1, max_wait_seconds=0))
    port.serve("echo", "1", model, limits)
    first = asyncio.ensure_future(port.infer(raw_request()))
    assert await asyncio.to_thread(model.running.wait, 10)
    code, said, metadata = await ended(port.infer(raw_request()))
    assert code is Code.RESOURCE_EXHAUSTED
    assert said.startswith("the queue of this model is full; expected at most 1 requests")
    assert int(metadata["grpc-retry-pushback-ms"]) >= 1000
    model.release.set()
    assert (await first).model_name == "echo"
    assert nothing_left(port)


@pytest.mark.parametrize("by", ["timeout", "parameter", "metadata"])
async def test_the_earliest_deadline_counts_and_the_permit_is_free_after_it(port: Port, by: str) -> None:
    model = SlowModel()
    port.serve("echo", "1", model)
    request, options = raw_request(), {"timeout": 20.0}
    if by == "timeout":
        options = {"timeout": 0.2}
    elif by == "parameter":
        request.parameters["timeout"].int64_param = 200_000
    else:
        options |= {"metadata": (("x-request-timeout-ms", "200"),)}  # type: ignore[dict-item]
    code, _, _ = await ended(port.infer(request, **options))
    assert code is Code.DEADLINE_EXCEEDED
    await eventually(lambda: nothing_left(port))
    assert port.observer.last == ("echo", "1", 504)
    model.release.set()


async def test_a_client_that_leaves_takes_its_row_out_of_the_queue(port: Port) -> None:
    model = SlowModel()
    port.serve("echo", "1", model)
    running = asyncio.ensure_future(port.infer(raw_request()))
    assert await asyncio.to_thread(model.running.wait, 10)
    leaving = port.infer(raw_request())
    await eventually(lambda: port.lanes[0].admission.requests_in_flight == 2)
    leaving.cancel()
    await eventually(lambda: port.lanes[0].admission.requests_in_flight == 1)
    assert port.observer.last == ("echo", "1", 499)
    assert port.observer.outcomes[-1].code == "client_gone"
    model.release.set()
    await running
    assert [report.rows for report in port.lane_observer.reports] == [1]
    assert nothing_left(port)


async def test_a_model_that_breaks_down_is_internal_and_says_nothing_of_itself(port: Port) -> None:
    port.serve("echo", "1", FailingModel())
    code, said, _ = await ended(port.infer(raw_request()))
    assert (code, said) == (Code.INTERNAL, "the model failed on this request")
    assert port.observer.last == ("echo", "1", 500)


async def test_messages_over_the_cap_are_refused_both_ways(open_port: OpenPort) -> None:
    async with open_port(replace(LIMITS, message_bytes=2000)) as port:
        port.serve("echo", "1", EchoModel())
        code, said, _ = await ended(port.send(bytes(3000)))
        assert (code, said) == (Code.RESOURCE_EXHAUSTED, "SERVER: Received message larger than max (3000 vs. 2000)")
        await eventually(lambda: nothing_left(port))
        signature = Signature((TensorSpec("x", "UINT8", (-1, 1900)),), (TensorSpec("y", "FP32", (-1, 1900)),))

        class Widening(EchoModel):
            def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:  # type: ignore[override]
                return {"y": inputs["x"].astype(np.float32)}

        port.serve("wide", "1", Widening(signature), task=TensorTask)
        request = raw_request(name="wide")
        request.inputs[0].CopyFrom(infer_input("x", "UINT8", (1, 1900)))
        request.raw_input_contents[0] = bytes(1900)
        code, said, _ = await ended(port.infer(request))
        assert code is Code.RESOURCE_EXHAUSTED
        assert said.startswith(
            "the answer is longer than a message may be; expected rows whose answer has at most 2000"
        )
        assert port.observer.last == ("wide", "1", 413)


async def test_a_long_message_is_parsed_off_the_loop_and_answered(echo: Port) -> None:
    rows = np.full((100, 2), 0.5, np.float32)
    request = raw_request(rows)
    request.id = "i" * 5000
    answer = await echo.infer(request)
    assert answer.raw_output_contents[0] == rows.tobytes()


async def test_compressed_messages_are_read_and_a_bomb_is_not(echo: Port) -> None:
    assert (await echo.infer(raw_request(), compression=grpc.Compression.Gzip)).model_name == "echo"
    code, said, _ = await ended(echo.send(bytes(10 * LIMITS.message_bytes), compression=grpc.Compression.Gzip))
    assert (code, said) == (Code.RESOURCE_EXHAUSTED, "Decompressed message larger than max")
