"""The parts of the service that calls pass through, and the limits of a gRPC port."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from plimsoll.access.keys import Scope
from plimsoll.control.version_registry import VersionRegistry
from plimsoll.errors import PlimsollError
from plimsoll.inference.call import Call
from plimsoll.inference.line import Line
from plimsoll.inference.ports import Observer


class Gate(Protocol):
    """Admits calls."""

    def admit(self, call: Call, needed: Scope) -> None:
        """Check that the call is not refused, and has a key with this scope, if keys are set.

        Raises:
            PlimsollError: the refusal of the call.
            Unauthorized: the call has no key or an unknown one.
            Forbidden: the key is known but lacks the scope.
        """
        ...


class ServingState(Protocol):
    """Whether this process takes requests, and how many it is answering."""

    @property
    def stopping(self) -> bool:
        """Whether clients should send their next request to another server."""
        ...

    @property
    def refuses(self) -> bool:
        """Whether new requests get an error, because the server stops."""
        ...

    def enter(self) -> None:
        """Count a request that has started."""
        ...

    def leave(self) -> None:
        """Count off a request that has been answered or abandoned."""
        ...


class AccessLog(Protocol):
    """Writes one line for each request."""

    def write(self, scope: MutableMapping[str, Any], seconds: float) -> None:
        """Log a request that has ended after `seconds`; `scope` has its `method`, its `client` and its call."""
        ...


class CallSpan(Protocol):
    """The span of one call."""

    def end(self, call: Call, code: str) -> None:
        """End the span; `code` is the name of gRPC's status code."""
        ...


class Tracer(Protocol):
    """Traces calls."""

    def begin(self, call: Call, peer: str) -> CallSpan:
        """Begin the span of a call, as part of the trace in its metadata; it is the current span of its task."""
        ...


@dataclass(frozen=True, slots=True)
class RpcLimits:
    """Caps of bytes, calls and seconds.

    `message_bytes` bounds a message in both directions. A message has to arrive within `message_seconds`, and at most
    `slow_messages` may take longer than a moment. `longest_seconds` is the longest timeout of a request.
    """

    message_bytes: int
    metadata_bytes: int
    connections: int
    handshake_seconds: float
    idle_seconds: float
    message_seconds: float
    slow_messages: int
    longest_seconds: float


@dataclass(frozen=True, slots=True)
class RpcParts:
    """All parts. `identify` gives the log lines of a task the id of a request and the address of its client.

    `settle` logs an error that has been rendered, if it is the server's own fault. `ready` and `live` answer as the
    probes over HTTP do.
    """

    version: str
    line: Line
    gate: Gate
    state: ServingState
    registry: VersionRegistry
    observer: Observer
    access_log: AccessLog
    settle: Callable[[PlimsollError], None]
    identify: Callable[[str, tuple[str, int] | None], None]
    ready: Callable[[], bool]
    live: Callable[[], bool]
    tracer: Tracer | None = None
