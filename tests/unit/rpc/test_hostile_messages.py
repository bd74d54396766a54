"""No bytes of a client are the server's fault, and none takes more memory or time than its length allows."""

from __future__ import annotations

import asyncio
import random
import time

import grpc
import psutil
import pytest
from grpc import aio
from plimsoll.rpc.message_head import MOST_FIELDS

from tests.unit.rpc.conftest import SERVICE, Port, raw_request

FAULTS_OF_CLIENTS = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
}
METHODS = ("ModelInfer", "ModelReady", "ModelMetadata", "ServerReady", "ServerLive", "ServerMetadata")


def mutants(random_: random.Random, whole: bytes, count: int) -> list[bytes]:
    """Requests with bytes changed, cut, repeated or replaced, and some that are nothing but random."""
    made = []
    for _ in range(count):
        body = bytearray(whole)
        for _ in range(random_.randint(1, 4)):
            at = random_.randrange(len(body) + 1)
            match random_.randrange(5):
                case 0:
                    body[at : at + 1] = random_.randbytes(1)
                case 1:
                    del body[at:]
                case 2:
                    body[at:at] = body[: random_.randint(0, 12)]
                case 3:
                    body[at : at + 4] = b"\xff" * random_.randint(0, 11)
                case _:
                    body[at:at] = random_.randbytes(random_.randint(1, 20))
        made.append(bytes(body))
    return made + [random_.randbytes(random_.randint(0, 60)) for _ in range(count // 5)]


async def code_of(port: Port, method: str, body: bytes) -> grpc.StatusCode:
    call = port.channel.unary_unary(SERVICE + method)(body, timeout=10)
    try:
        await call
    except aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_changed_and_random_messages_are_never_the_servers_fault(
    echo: Port, caplog: pytest.LogCaptureFixture
) -> None:
    random_ = random.Random(23)  # noqa: S311  # no secret
    typed = raw_request()
    typed.ClearField("raw_input_contents")
    typed.inputs[0].contents.fp32_contents.extend([0.25, 0.75])
    typed.parameters["timeout"].int64_param = 10_000_000
    typed.outputs.add(name="y").parameters["classification"].int64_param = 1
    bodies = [each for request in (raw_request(), typed) for each in mutants(random_, request.SerializeToString(), 500)]
    found = await asyncio.gather(*(code_of(echo, "ModelInfer", body) for body in bodies[:60]))
    for start in range(60, len(bodies), 40):
        found += await asyncio.gather(
            *(code_of(echo, random_.choice(METHODS), body) for body in bodies[start : start + 40])
        )
    allowed = FAULTS_OF_CLIENTS | {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert set(found) <= allowed, "a timeout may have been shortened, and a queue of eight may be full"
    assert found.count(grpc.StatusCode.INVALID_ARGUMENT) > len(found) / 4
    assert "unexpected error" not in caplog.text
    assert "Traceback" not in caplog.text
    assert (echo.state.in_flight, echo.lanes[0].admission.requests_in_flight) == (0, 0)
    assert (await echo.infer(raw_request())).model_name == "echo"


@pytest.mark.parametrize("piece", [b"\x2a\x00", b"\x3a\x00", b"\x32\x00", b"\x22\x00", b"\x28\x01"])
async def test_countless_empty_fields_are_refused_at_once(echo: Port, piece: bytes) -> None:
    name = raw_request().SerializeToString()
    before, started = psutil.Process().memory_info().rss, time.monotonic()
    assert await code_of(echo, "ModelInfer", name + piece * 45_000) is grpc.StatusCode.INVALID_ARGUMENT
    assert psutil.Process().memory_info().rss - before < 20_000_000
    assert time.monotonic() - started < 10


async def test_as_many_fields_as_are_read_are_refused_by_what_they_mean(echo: Port) -> None:
    body = raw_request().SerializeToString() + b"\x2a\x00" * (MOST_FIELDS // 2)
    with pytest.raises(aio.AioRpcError) as refused:
        await echo.send(body)
    assert refused.value.details() == f"the number of inputs is wrong; expected the inputs x; given {1 + 500} inputs"
