"""Ids, log lines, spans and refusals, the same for every call."""

from __future__ import annotations

import logging
from typing import Any

import grpc
import pytest
from grpc import aio
from plimsoll.api.auth import Gate
from plimsoll.api.serving_state import Phase
from plimsoll.rpc.open_inference_pb2 import (
    ModelInferRequest,
    ModelMetadataRequest,
    ModelMetadataResponse,
    ServerReadyRequest,
    ServerReadyResponse,
)

from tests.unit.eventually import eventually
from tests.unit.rpc.conftest import Port, raw_request


async def trailing(call: aio.UnaryUnaryCall) -> dict[str, Any]:
    return dict(await call.trailing_metadata())


async def test_an_answer_and_an_error_carry_the_id_of_the_request(echo: Port) -> None:
    given = (("x-request-id", "of-mine"),)
    good, bad = echo.infer(raw_request(), metadata=given), echo.infer(raw_request(name="ghost"), metadata=given)
    await good
    with pytest.raises(aio.AioRpcError):
        await bad
    assert (await trailing(good))["x-request-id"] == (await trailing(bad))["x-request-id"] == "of-mine"
    made = echo.infer(raw_request(), metadata=(("x-request-id", "not valid!"),))
    await made
    assert len((await trailing(made))["x-request-id"]) == 32


async def test_every_call_has_a_line_in_the_log(echo: Port, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "plimsoll.access"):
        await echo.infer(raw_request())
        await echo.call("ServerReady", ServerReadyRequest(), ServerReadyResponse)
        with pytest.raises(aio.AioRpcError):
            await echo.infer(raw_request(name="ghost"))
    lines = [vars(record) for record in caplog.records if record.name == "plimsoll.access"]
    route = "/inference.GRPCInferenceService/"
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GRPC", route + "ModelInfer", 200),
        ("GRPC", route + "ServerReady", 200),
        ("GRPC", route + "ModelInfer", 404),
    ]
    assert (lines[0]["model"], lines[0]["version"], lines[0]["peer"]) == ("echo", "1", "127.0.0.1")
    assert lines[0]["forward_ms"] >= 0


async def test_a_server_that_refuses_says_so_and_still_says_whether_it_is_ready(echo: Port) -> None:
    echo.state.phase = Phase.REFUSING
    for call in (
        echo.infer(raw_request()),
        echo.call("ModelMetadata", ModelMetadataRequest(name="echo"), ModelMetadataResponse),
    ):
        with pytest.raises(aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert refused.value.details() == "this server is stopping; try again, another one will answer"
    assert not (await echo.call("ServerReady", ServerReadyRequest(), ServerReadyResponse)).ready
    assert echo.observer.outcomes[-1].code == "draining"


async def test_an_unexpected_error_is_internal_and_in_the_log(
    echo: Port, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(Gate, "check", broken)
    call = echo.infer(raw_request())
    with pytest.raises(aio.AioRpcError) as failed:
        await call
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    assert failed.value.details() == "something went wrong in the server; its log has the x-request-id of this answer"
    assert "call failed with an unexpected error" in caplog.text
    assert echo.observer.outcomes[-1].status == 500
    await eventually(lambda: echo.state.in_flight == 0)


async def test_unknown_methods_and_services_are_unimplemented(echo: Port) -> None:
    for path in ("/inference.GRPCInferenceService/ModelStreamInfer", "/inference.Other/ModelInfer", "/x"):
        with pytest.raises(aio.AioRpcError) as refused:
            await echo.channel.unary_unary(path)(ModelInferRequest().SerializeToString())
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
