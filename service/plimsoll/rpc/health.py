"""grpc.health.v1: whether the server, or one of its models, takes requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from plimsoll.rpc.parts import RpcParts

SERVICE = "grpc.health.v1.Health"
_INFERENCE_SERVICE = "inference.GRPCInferenceService"
_LOOK_SECONDS = 0.5
"""The interval at which a watched state is looked at."""
MOST_WATCHES = 64
"""The most streams of states at once; each is a call that lasts."""
_Status = health_pb2.HealthCheckResponse


class Health:
    """Answers for the name of a model, and for the whole server with no name or that of the inference service.

    It needs no key, because probes and load balancers have none.
    """

    def __init__(self, parts: RpcParts) -> None:
        self._parts = parts
        self._watches = 0

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """The handlers by the name of their method."""
        read, write = health_pb2.HealthCheckRequest.FromString, _Status.SerializeToString
        return {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, read, write),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, read, write),
        }

    async def _check(self, request: Any, context: Any) -> Any:  # noqa: ANN401  # protobuf's and gRPC's
        state = self._state_of(request.service)
        if state == _Status.SERVICE_UNKNOWN:
            await context.abort(
                grpc.StatusCode.NOT_FOUND, "there is no such model; expected the name of a model, or none"
            )
        return _Status(status=state)

    async def _watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: ANN401  # likewise
        """Each change of the state; ends when the server refuses requests."""
        if self._watches >= MOST_WATCHES:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"too many watches; expected at most {MOST_WATCHES}; use Check"
            )
        self._watches += 1
        try:
            sent = None
            while not (self._parts.state.refuses and sent == _Status.NOT_SERVING):
                state = self._state_of(request.service)
                if state != sent:
                    yield _Status(status=state)
                    sent = state
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._watches -= 1

    def _state_of(self, service: str) -> Any:  # noqa: ANN401  # an enum of protobuf's
        if service in ("", _INFERENCE_SERVICE):
            ready = self._parts.ready()
        else:
            routes = self._parts.registry.table.models.get(service)
            if routes is None:
                return _Status.SERVICE_UNKNOWN
            ready = bool(routes.ready) and not self._parts.state.stopping
        return _Status.SERVING if ready else _Status.NOT_SERVING
