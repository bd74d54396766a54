from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.unit.rpc.conftest import Port

Request, Response = reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse


async def ask(port: Port, version: str, request: Any) -> Any:
    path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    stub = port.channel.stream_stream(path, Request.SerializeToString, Response.FromString)
    call = stub(timeout=10)
    await call.write(request)
    await call.done_writing()
    return await call.read()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_clients_find_the_services_and_the_messages(port: Port, version: str) -> None:
    listed = await ask(port, version, Request(list_services=""))
    names = [each.name for each in listed.list_services_response.service]
    assert names == [
        "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection", "inference.GRPCInferenceService",
    ]  # fmt: skip
    for symbol in names:
        found = await ask(port, version, Request(file_containing_symbol=symbol))
        assert found.file_descriptor_response.file_descriptor_proto
    infer = await ask(port, version, Request(file_containing_symbol="inference.ModelInferRequest"))
    file = descriptor_pb2.FileDescriptorProto.FromString(infer.file_descriptor_response.file_descriptor_proto[0])
    assert file.package == "inference"
    unknown = await ask(port, version, Request(file_containing_symbol="inference.Nothing"))
    assert unknown.HasField("error_response")
