"""gRPC of `plimsoll serve` as a process, on its real event loop."""

from __future__ import annotations

import socket
import threading
import time

import grpc
import httpx
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from plimsoll.rpc.open_inference_pb2 import ModelInferRequest, ModelInferResponse

from tests.integration.conftest import REPOSITORY
from tests.integration.served_process import ServedProcess

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
METHOD = "/inference.GRPCInferenceService/ModelInfer"


def address_of(process: ServedProcess) -> str:
    """Where it serves gRPC, read from its log."""
    found = process.wait_for_log(r"gRPC on ([0-9.]+) port (\d+)")
    return f"{found[1]}:{found[2]}"


def request(rows: int = 1) -> ModelInferRequest:
    picture = np.zeros((rows, 784), np.float32)
    tensor = ModelInferRequest.InferInputTensor(name="pixels", datatype="FP32", shape=picture.shape)
    return ModelInferRequest(model_name="digits", inputs=[tensor], raw_input_contents=[picture.tobytes()])


def infer(channel: grpc.Channel, rows: int = 1, **options: object) -> ModelInferResponse:
    stub = channel.unary_unary(METHOD, ModelInferRequest.SerializeToString, ModelInferResponse.FromString)
    answer: ModelInferResponse = stub(request(rows), timeout=20, **options)
    return answer


def test_it_answers_over_grpc_and_over_http_and_stops(process: ServedProcess) -> None:
    process.start(PLIMSOLL_GRPC_PORT="0")
    url = process.ready()
    with grpc.insecure_channel(address_of(process)) as channel:
        answer = infer(channel, 3, metadata=(("x-request-id", "a-client.1"),))
        assert (answer.model_name, answer.model_version) == ("digits", "2")
        assert [each.shape[0] for each in answer.outputs] == [3] * len(answer.outputs)
        assert httpx.post(url + "/v1/predict", json={"features": [0.0] * 784}).status_code == 200
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest(service="digits")).status == 1
        process.wait_for_log(r"a-client\.1")
        line = next(line for line in process.lines() if line.get("request_id") == "a-client.1")
        assert (line["method"], line["route"], line["status"]) == ("GRPC", METHOD, 200)
        assert line["peer"] == "127.0.0.1"
        metrics = httpx.get(url + "/metrics").text
        assert 'protocol="grpc"' in metrics
        host, _, port = address_of(process).rpartition(":")
        for content in (b"GET / HTTP/1.1\r\n\r\n", PREFACE + bytes(9) + b"\xff" * 100, b"\x16\x03\x01" + bytes(300)):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass
        with pytest.raises(grpc.RpcError):
            infer(channel, metadata=(("long", "x" * 100_000),))
        assert infer(channel).model_name == "digits"
        process.signal()
        assert process.exit_code() == 0
    steps = [line["message"].split(",")[0] for line in process.lines() if line["message"].startswith("stopping")]
    assert [step.split()[1] for step in steps] == ["unready", "refusing", "drained"]


def test_while_it_leaves_calls_are_answered_and_none_fails_until_clients_have_gone(process: ServedProcess) -> None:
    process.start(PLIMSOLL_GRPC_PORT="0", PLIMSOLL_STOP_WAIT_SECONDS="2")
    process.ready()
    address = address_of(process)
    answered, failed, refused = [], [], threading.Event()

    def call_until_refused() -> None:
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            while not refused.is_set():
                try:
                    infer(channel)
                    answered.append(time.monotonic())
                except grpc.RpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        failed.append(str(error))
                    refused.set()

    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        states = stub.Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert next(states).status == 1
        clients = [threading.Thread(target=call_until_refused) for _ in range(4)]
        for client in clients:
            client.start()
        process.wait_for(lambda: len(answered) > 20, "answers")
        process.signal()
        process.wait_for_log("stopping: unready")
        left = time.monotonic()
        assert next(states).status == 2
        for client in clients:
            client.join(30)
    assert process.exit_code() == 0
    assert failed == []
    assert max(answered) > left + 1


def test_a_port_that_is_taken_ends_the_start_with_a_sentence(process: ServedProcess) -> None:
    process.start(PLIMSOLL_GRPC_PORT="0")
    port = address_of(process).rpartition(":")[2]
    second = ServedProcess(models=REPOSITORY / "models")
    try:
        second.start(PLIMSOLL_GRPC_PORT=port)
        assert second.exit_code() != 0
        assert f"port {port}: Address already in use; choose another by PLIMSOLL_GRPC_PORT" in second.log()
    finally:
        second.kill()


def test_several_workers_have_no_grpc(process: ServedProcess) -> None:
    process.start(PLIMSOLL_GRPC_PORT="0", PLIMSOLL_WORKERS="2")
    assert process.exit_code() != 0
    assert "unset PLIMSOLL_GRPC_PORT" in process.log()
