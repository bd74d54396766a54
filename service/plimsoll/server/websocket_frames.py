"""Reads the messages of a WebSocket from bytes and writes frames, over the library websockets. Knows no sockets."""

from __future__ import annotations

import logging
from collections import deque

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

_library_log = logging.getLogger(f"{__name__}.library")
_library_log.setLevel(logging.ERROR)  # at DEBUG it would log the clients' data

Message = str | bytes
"""The content of a text message, or of a binary one."""


class WebSocketFrames:
    """The frames of one WebSocket, the server's half.

    Feed it what arrives; complete `messages` are then there to be taken, and `output` is there to be sent: pongs, and
    what `send` and `close` add. A client that breaks the protocol gets a close frame: 1002 for malformed frames, 1007
    for text that is not UTF-8, 1009 for a message longer than `longest` bytes. Compression is not offered, so that a
    message is never larger than its frames.
    """

    def __init__(self, longest: int) -> None:
        self._protocol = Protocol(SERVER, max_size=longest, logger=_library_log)
        self._parts = bytearray()  # a list of many small fragments would take far more memory than they hold
        self._opcode: Opcode | None = None
        self._since_frame = 0
        self.messages: deque[Message] = deque()

    @property
    def closed(self) -> bool:
        """Whether a close frame was sent, so that nothing more may be sent."""
        return self._protocol.state is not OPEN

    @property
    def close_code(self) -> int:
        """The code of the close frame that came first, from either side; 1006 if there was none."""
        close = self._protocol.close_rcvd or self._protocol.close_sent
        return int(CloseCode.ABNORMAL_CLOSURE if close is None else close.code)

    @property
    def partial_bytes(self) -> int:
        """The bytes that have come of a message that is not complete, about."""
        return self._since_frame + len(self._parts)

    @property
    def in_message(self) -> bool:
        """Whether a frame or a message has begun, as far as can be known, and is not complete."""
        return self._since_frame > 0 or self._opcode is not None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the client. Few at a time, because each of them may become some twenty of memory."""
        self._protocol.receive_data(data)
        frames = self._protocol.events_received()
        self._since_frame = 0 if frames else self._since_frame + len(data)
        for frame in frames:
            assert isinstance(frame, Frame)  # noqa: S101  # the handshake is over
            if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._take(frame)
        if self.closed:
            self._since_frame = 0
            self._parts.clear()

    def send(self, content: Message) -> None:
        """Add a message to the output; nothing once it is closed."""
        if self.closed:
            return
        if isinstance(content, str):
            self._protocol.send_text(content.encode())
        else:
            self._protocol.send_binary(content)

    def ping(self) -> None:
        """Add a ping to the output, which every client answers by itself."""
        if not self.closed:
            self._protocol.send_ping(b"")

    def close(self, code: int, reason: str = "") -> None:
        """Add a close frame to the output; nothing once it is closed."""
        if not self.closed:
            self._protocol.send_close(code, reason)

    def output(self) -> bytes:
        """The bytes to send since the last call."""
        return b"".join(self._protocol.data_to_send())

    def _take(self, frame: Frame) -> None:
        if self._opcode is None and frame.fin:
            self._complete(frame.opcode, frame.data)
            return
        self._opcode = frame.opcode if self._opcode is None else self._opcode
        self._parts += frame.data
        if frame.fin:
            opcode, content = self._opcode, bytes(self._parts)
            self._opcode = None
            self._parts.clear()
            self._complete(opcode, content)

    def _complete(self, opcode: Opcode, content: bytes | bytearray | memoryview) -> None:
        if opcode is Opcode.BINARY:
            self.messages.append(bytes(content))
            return
        try:
            self.messages.append(str(content, "utf-8"))
        except UnicodeDecodeError:
            if not self.closed:
                self._protocol.fail(CloseCode.INVALID_DATA, "a text message is UTF-8")
