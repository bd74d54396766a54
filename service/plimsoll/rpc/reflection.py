"""Server reflection: clients such as grpcurl ask the server for its services and messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, aio

SERVICES = ("grpc.reflection.v1.ServerReflection", SERVICE_NAME)
"""The two names of the service. Their messages have the same bytes, and clients ask for either."""
_MOST_STREAMS = 64
_LONGEST_SECONDS = 60.0


class Reflection:
    """Answers for the given services. A stream ends after a minute, because clients need it for a moment only."""

    def __init__(self, services: tuple[str, ...]) -> None:
        self._answers = aio.ReflectionServicer((*services, SERVICE_NAME))
        self._streams = 0

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """The handlers by the name of their method."""
        read = reflection_pb2.ServerReflectionRequest.FromString
        write = reflection_pb2.ServerReflectionResponse.SerializeToString
        return {"ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(self._reflect, read, write)}

    async def _reflect(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:  # noqa: ANN401  # gRPC's
        if self._streams >= _MOST_STREAMS:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"too many reflection streams; expected at most {_MOST_STREAMS}"
            )
        self._streams += 1
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                async for answer in self._answers.ServerReflectionInfo(requests, context):
                    yield answer
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, f"a stream ends after {_LONGEST_SECONDS:g} seconds")
        finally:
            self._streams -= 1
