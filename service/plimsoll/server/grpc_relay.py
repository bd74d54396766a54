"""Passes bytes between the clients of a port and gRPC's server, and asks clients to leave before that server stops.

gRPC cancels the calls that arrive after its server has begun to stop and before their client has heard of it. Here
clients hear of it first, by the frame GOAWAY of HTTP/2 (RFC 9113, section 6.8): calls in progress go on, later ones use
another connection, and calls that were on their way are still answered.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import logging
import shutil
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from plimsoll.errors import OperatorError
from plimsoll.server.connection_limits import ConnectionLimits

_log = logging.getLogger(__name__)
_HEADER_BYTES = 9
_LENGTH_BYTES = 3
_GOAWAY = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + b"\x7f\xff\xff\xff" + bytes(4)
"""All streams up to the last possible one are served, and there is no error."""
_PAUSE_SECONDS = 0.1
"""The time without a new connection after the system had no descriptor left."""

Client = tuple[str, int]
"""The address and port of a client."""


class GrpcRelay:
    """Accepts connections at `listener`, at most as many as `limits` say. gRPC's server listens at `address`.

    `refused` counts a connection that is closed because of a limit, by the reason.

    Raises:
        OperatorError: there is no place for temporary files.
    """

    def __init__(self, listener: socket.socket, limits: ConnectionLimits, refused: Callable[[str], None]) -> None:
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="plimsoll-grpc-"))
        except OSError as error:
            raise OperatorError(
                f"gRPC needs a folder for temporary files, and there is none: {error.strerror}; "
                "name one that can be written by TMPDIR"
            ) from None
        self.address = f"unix:{self._folder}/server"
        self._listener = listener
        self._limits = limits
        self._refused = refused
        self._numbers = itertools.count()
        self._links: dict[str, _Link] = {}
        self._by_address: collections.Counter[str] = collections.Counter()
        self._accepting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Accept connections from now on."""
        self._listener.settimeout(0)
        self._listener.listen(socket.SOMAXCONN)
        self._accepting = asyncio.create_task(self._accept())

    def client_of(self, peer: str) -> Client | None:
        """The client of a connection by its name at gRPC's server; `None` if it has gone."""
        link = self._links.get(peer)
        return None if link is None else link.client

    def ask_to_leave(self, connected_seconds: float = 0) -> None:
        """Ask each client that has not been asked yet to make its later calls over another connection.

        Clients that have been connected for less time are not asked: they are about to make their first call, which
        some drop when they are asked before they have sent it.
        """
        before = asyncio.get_running_loop().time() - connected_seconds
        for link in self._links.values():
            if link.since <= before:
                link.ask_to_leave()

    async def close_listener(self) -> None:
        """Take no more connections; those that there are go on."""
        if self._accepting is not None:
            self._accepting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._accepting
        self._listener.close()

    async def close(self) -> None:
        """Close every connection."""
        await self.close_listener()
        for link in list(self._links.values()):
            link.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, (host, port, *_) = await loop.sock_accept(self._listener)
            except OSError as error:
                _log.warning("cannot accept a connection for gRPC: %s; trying again", error.strerror)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if (reason := self._full(host)) is not None:
                self._refused(reason)
                accepted.close()
                continue
            try:
                await self._link(accepted, (host, port))
            except OSError as error:
                _log.warning("cannot pass a connection on to gRPC: %s", error.strerror)

    def _full(self, host: str) -> str | None:
        """The limit that another connection of this address would exceed; see the settings of the same names."""
        per_address = self._limits.connections_per_address
        if per_address and self._by_address[host] >= per_address:
            return "too_many_from_address"
        return "too_many_connections" if len(self._links) >= self._limits.connections else None

    async def _link(self, accepted: socket.socket, client: Client) -> None:
        """Connect a client with gRPC's server, at which the connection has a name of its own."""
        loop = asyncio.get_running_loop()
        name = self._folder / str(next(self._numbers))
        peer = f"unix:{name}"
        inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            inner.settimeout(0)
            inner.bind(str(name))
            name.unlink()
            await loop.sock_connect(inner, self.address.removeprefix("unix:"))
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(client, partial(self._forget, peer, client[0]))
            self._links[peer] = link
            self._by_address[client[0]] += 1
            await loop.create_unix_connection(lambda: link.server, sock=inner)
            await loop.connect_accepted_socket(lambda: link.outside, accepted)
        except BaseException:  # also when the relay closes meanwhile
            inner.close()
            accepted.close()
            self._forget(peer, client[0])
            raise

    def _forget(self, peer: str, host: str) -> None:
        if self._links.pop(peer, None) is not None:
            self._by_address -= collections.Counter((host,))


class _Half(asyncio.Protocol):
    """One end of a link. Gives what it receives to `deliver`; while it cannot send, the other end receives nothing."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self.other: _Half
        self.deliver: Callable[[bytes], None]
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send first of all the data that arrived at the other end before this one was connected."""
        self._transport = cast("asyncio.Transport", transport)
        for data in self._early:
            self._transport.write(data)
        self._early.clear()
        if self._closed:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Deliver it."""
        self.deliver(data)

    def send(self, data: bytes) -> None:
        """Send data of the other end."""
        if self._transport is None:
            self._early.append(data)
        elif not self._closed:
            self._transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Close the other end too."""
        del error
        self._closed = True
        self._ended()
        self.other.close()

    def close(self) -> None:
        """Close this end, after the data that has been sent."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        """Let the other end receive nothing while this one cannot send."""
        self.other.receive(now=False)

    def resume_writing(self) -> None:
        """Let the other end receive again."""
        self.other.receive(now=True)

    def receive(self, *, now: bool) -> None:
        """Receive, or do not."""
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.resume_reading if now else self._transport.pause_reading)()


class _Link:
    """The connection of a client, `outside`, and the one to gRPC's server; each passes on what the other receives."""

    def __init__(self, client: Client, ended: Callable[[], None]) -> None:
        self.client = client
        self.since = asyncio.get_running_loop().time()
        self.server, self.outside = _Half(ended), _Half(ended)
        self.server.other, self.outside.other = self.outside, self.server
        self.server.deliver, self.outside.deliver = self._from_server, self.server.send
        self._frames = _Frames()
        self._to_leave = self._asked = False

    def ask_to_leave(self) -> None:
        """Send GOAWAY, once, as soon as the server is between two frames."""
        self._to_leave = True
        if not self._asked and self._frames.between:
            self._asked = True
            self.outside.send(_GOAWAY)

    def close(self) -> None:
        """Close both ends."""
        self.server.close()
        self.outside.close()

    def _from_server(self, data: bytes) -> None:
        self._frames.pass_on(data)
        self.outside.send(data)
        if self._to_leave:
            self.ask_to_leave()


class _Frames:
    """Follows the frames of HTTP/2 in one direction. `between` says whether the last one is complete."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self._begun = False

    @property
    def between(self) -> bool:
        """Whether another frame may be sent now; the first one has to be the server's own."""
        return self._begun and not self._left and not self._header

    def pass_on(self, data: bytes) -> None:
        """Take note of data that is passed on."""
        at, end = 0, len(data)
        while at < end:
            if self._left:
                step = min(self._left, end - at)
                self._left -= step
                at += step
                continue
            more = data[at : at + _HEADER_BYTES - len(self._header)]
            self._header += more
            at += len(more)
            if len(self._header) == _HEADER_BYTES:
                self._left = int.from_bytes(self._header[:_LENGTH_BYTES], "big")
                self._header, self._begun = b"", True
