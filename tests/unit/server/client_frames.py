"""The frames of a WebSocket's client."""

from __future__ import annotations

from websockets.frames import Close, Frame, Opcode

TEXT, BINARY, CONT, PING, PONG, CLOSE = (Opcode[name] for name in ("TEXT", "BINARY", "CONT", "PING", "PONG", "CLOSE"))


def frame(content: bytes = b"", opcode: Opcode = TEXT, *, fin: bool = True) -> bytes:
    """One frame of a client."""
    return Frame(opcode, content, fin).serialize(mask=True)


def close_of(output: bytes) -> Close:
    """The close frame that ends the output."""
    at = output.rindex(b"\x88")
    return Close.parse(output[at + 2 :])
