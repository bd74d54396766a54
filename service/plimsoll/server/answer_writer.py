"""The way back to the client: what is written, and whether the client reads it."""

from __future__ import annotations

import asyncio


class AnswerWriter:
    """Writes to the transport of a connection and counts the bytes.

    Bytes that were kept are written before the next ones, or by `flush`. `paused` says that so much is unread that no
    more should be written; `released` returns when that is over.
    """

    __slots__ = ("_kept", "_released", "_transport", "written_bytes")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._released: asyncio.Event | None = None
        self._kept = b""
        self.written_bytes = 0

    @property
    def paused(self) -> bool:
        """Whether the client reads more slowly than it is answered."""
        return self._released is not None

    @property
    def unread_bytes(self) -> int:
        """The number of written bytes that are still in this process and not in the kernel."""
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Send the data, or have the transport hold it until the client reads."""
        if self._kept:
            data, self._kept = self._kept + data, b""
        self.written_bytes += len(data)
        self._transport.write(data)

    def keep(self, data: bytes) -> None:
        """Write the data a little later, together with that of other connections; see `Connections.flush_soon`."""
        self._kept += data

    def flush(self) -> None:
        """Write what was kept."""
        if self._kept:
            self.write(b"")

    def abort(self) -> None:
        """Close the connection at once; what the transport has not sent is lost."""
        self.flush()
        self._transport.abort()

    def pause(self) -> None:
        """Have those who write wait."""
        if self._released is None:
            self._released = asyncio.Event()

    def forget(self) -> None:
        """Drop what was kept, and let those who wait go on: the connection has ended."""
        self._kept = b""
        self.release()

    def release(self) -> None:
        """Let those who wait go on: the client has read enough, or is gone."""
        if self._released is not None:
            self._released.set()
            self._released = None

    async def released(self) -> None:
        """Return when more can be written, or when the client is gone."""
        if self._released is not None:
            await self._released.wait()
