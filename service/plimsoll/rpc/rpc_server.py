"""The gRPC server of one process: its methods, its limits, its start and stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from grpc import aio

from plimsoll.rpc import health, reflection
from plimsoll.rpc.call_scope import CallScope, ClientOf, client_by_address
from plimsoll.rpc.catalog import Catalog
from plimsoll.rpc.infer import Infer
from plimsoll.rpc.message_reader import MessageReader
from plimsoll.rpc.open_inference_pb2 import DESCRIPTOR
from plimsoll.rpc.parts import RpcLimits, RpcParts

SERVICE: str = DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
_STREAMS_OF_A_CONNECTION = 1024
_CONNECTION_SECONDS = 300
"""The age at which a connection is closed between calls, so that clients find pods that have been added since."""
_LEAST_SECONDS_BETWEEN_PINGS = 10
_PING_SECONDS = 60
_PONG_SECONDS = 20
"""A client that does not answer a ping for so long is gone."""


class RpcServer:
    """Serves until `stop`. Make it on the event loop that it uses.

    `client_of` gives the address and port of a client by gRPC's name for its connection.
    """

    def __init__(self, parts: RpcParts, limits: RpcLimits, client_of: ClientOf = client_by_address) -> None:
        self._server = aio.server(options=_options(limits), maximum_concurrent_rpcs=limits.connections)
        self._server.add_generic_rpc_handlers((_Methods(_handlers_of(parts, limits, client_of)),))

    async def start(self, address: str) -> int:
        """Listen on an address such as `127.0.0.1:8003` or `unix:/path`; returns the port, which is 1 for a path.

        Raises:
            OSError: the address cannot be used.
        """
        try:
            port: int = self._server.add_insecure_port(address)
        except RuntimeError:
            port = 0
        if not port:
            raise OSError(f"{address} cannot be used")
        await self._server.start()
        return port

    async def stop(self, seconds: float) -> None:
        """Take no more calls and ask clients to go elsewhere; calls in progress are cut off after this time."""
        await self._server.stop(seconds)


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio ships no types
    """Finds the handler of a method by its path."""

    def __init__(self, handlers: Mapping[str, grpc.RpcMethodHandler]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler | None:  # noqa: ANN401  # gRPC's
        """The handler; `None` for an unknown method, which gRPC answers with UNIMPLEMENTED."""
        return self._handlers.get(handler_call_details.method)


def _handlers_of(parts: RpcParts, limits: RpcLimits, client_of: ClientOf) -> dict[str, grpc.RpcMethodHandler]:
    """All handlers by path.

    The inference service's own read a stream of messages as bytes, which on the wire is the same as one message: so
    a handler begins before the message has arrived, and can refuse it.
    """
    scope = CallScope(parts, client_of)
    messages = MessageReader(limits.message_seconds, limits.slow_messages)
    answers = Catalog(parts, messages).answers()
    answers["ModelInfer"] = Infer(parts, messages, limits.message_bytes)
    handlers: dict[str, grpc.RpcMethodHandler] = {}
    for method, answer in answers.items():
        route = f"/{SERVICE}/{method}"
        handlers[route] = grpc.stream_unary_rpc_method_handler(scope.around(route, answer))
    others = {health.SERVICE: health.Health(parts).handlers()}
    reflected = reflection.Reflection((SERVICE, health.SERVICE)).handlers()
    others |= dict.fromkeys(reflection.SERVICES, reflected)
    return handlers | {
        f"/{service}/{method}": handler for service, found in others.items() for method, handler in found.items()
    }


def _options(limits: RpcLimits) -> list[tuple[str, int]]:
    """The limits that gRPC itself keeps. A connection also ends when it has been idle for a while."""
    return [
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", limits.message_bytes),
        ("grpc.max_metadata_size", limits.metadata_bytes),
        ("grpc.absolute_max_metadata_size", limits.metadata_bytes),
        ("grpc.max_concurrent_streams", _STREAMS_OF_A_CONNECTION),
        ("grpc.max_allowed_incoming_connections", limits.connections),
        ("grpc.server_handshake_timeout_ms", _milliseconds(limits.handshake_seconds)),
        ("grpc.max_connection_idle_ms", _milliseconds(limits.idle_seconds)),
        ("grpc.max_connection_age_ms", _milliseconds(_CONNECTION_SECONDS)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(limits.longest_seconds)),
        ("grpc.keepalive_time_ms", _milliseconds(_PING_SECONDS)),
        ("grpc.keepalive_timeout_ms", _milliseconds(_PONG_SECONDS)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _milliseconds(_LEAST_SECONDS_BETWEEN_PINGS)),
        ("grpc.so_reuseport", 0),  # another process on the same port would take half of the connections in silence
    ]


def _milliseconds(seconds: float) -> int:
    return max(1, int(1000 * seconds))
