"""Messages in frames, however they are cut; and every way to break the protocol."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.server.websocket_frames import WebSocketFrames
from websockets.frames import Close, Frame

from tests.unit.server.client_frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, close_of, frame

LONGEST = 1000

LONGEST = 1000

messages = st.one_of(st.text(max_size=50), st.binary(max_size=50))


@given(sent=st.lists(messages, max_size=6), data=st.data())
def test_messages_come_out_as_they_were_sent_wherever_they_are_cut(
    sent: list[str | bytes], data: st.DataObject
) -> None:
    stream = b""
    for message in sent:
        content, opcode = (message.encode(), TEXT) if isinstance(message, str) else (message, BINARY)
        cuts = sorted(data.draw(st.sets(st.integers(0, len(content)), max_size=3)))
        parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
        for place, part in enumerate(parts):
            stream += frame(part, CONT if place else opcode, fin=place == len(parts) - 1)
            stream += frame(b"?", PING) if place == 0 else b""
    frames = WebSocketFrames(LONGEST)
    edges = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=5)))
    for start, end in zip([0, *edges], [*edges, len(stream)], strict=True):
        if end > start:
            frames.feed(stream[start:end])
    assert list(frames.messages) == sent
    assert frames.output() == Frame(PONG, b"?").serialize(mask=False) * len(sent)
    assert not frames.in_message
    assert frames.partial_bytes == 0


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
        (b"\x81\x05hello", 1002),  # without a mask
        (b"\xff\xff\xff\xff", 1002),
        (frame(b"a", CONT), 1002),
        (frame(b"a", fin=False) + frame(b"b"), 1002),
        (b"\x89" + frame(b"a" * 126)[1:], 1002),  # a ping that is too long
        (frame(b"\xff\xfe"), 1007),
        (frame(b"\xc3", fin=False) + frame(b"\x28", CONT), 1007),
        (frame(b"a" * (LONGEST + 1)), 1009),
        (frame(b"a" * LONGEST, fin=False) + frame(b"a", CONT), 1009),
        (b"\x81\xff" + b"\xff" * 8 + b"mask", 1009),
        (frame(Close(1000, "bye").serialize(), CLOSE), 1000),
    ],
    ids=[  # a frame has a new mask each time, which would be a new name
        "a request",
        "no mask",
        "garbage",
        "a part without its beginning",
        "a message within another",
        "a long ping",
        "no text",
        "no text in parts",
        "too long",
        "too long in parts",
        "too long by its head",
        "close",
    ],
)
def test_a_client_that_breaks_the_protocol_or_leaves_gets_a_close_frame(sent: bytes, code: int) -> None:
    frames = WebSocketFrames(LONGEST)
    frames.feed(sent)
    assert frames.closed
    assert close_of(frames.output()).code == frames.close_code == code
    assert not frames.messages
    frames.feed(frame(b"later"))
    frames.send("nothing")
    frames.close(1001)
    frames.ping()
    assert (frames.output(), list(frames.messages), frames.partial_bytes) == (b"", [], 0)


@given(garbage=st.binary(max_size=300))
def test_garbage_never_raises(garbage: bytes) -> None:
    frames = WebSocketFrames(LONGEST)
    frames.feed(garbage)
    frames.output()


def test_a_message_of_the_longest_length_is_taken() -> None:
    frames = WebSocketFrames(LONGEST)
    frames.feed(frame(b"a" * LONGEST))
    assert list(frames.messages) == ["a" * LONGEST]


def test_half_a_frame_and_half_a_message_are_seen() -> None:
    frames = WebSocketFrames(LONGEST)
    whole = frame(b"a" * 100)
    frames.feed(whole[:1])
    assert frames.in_message
    frames.feed(whole[1:60])
    assert frames.partial_bytes == 60
    frames.feed(whole[60:])
    assert (frames.in_message, frames.partial_bytes) == (False, 0)
    frames.feed(frame(b"a" * 100, fin=False))
    assert (frames.in_message, frames.partial_bytes) == (True, 100)


def test_endless_empty_fragments_take_no_memory() -> None:
    frames = WebSocketFrames(LONGEST)
    frames.feed(frame(fin=False))
    many = frame(b"", CONT, fin=False) * 500
    tracemalloc.start()
    try:
        for _ in range(100):
            frames.feed(many)
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()


def test_messages_close_and_ping_go_out() -> None:
    frames = WebSocketFrames(LONGEST)
    frames.send("é")
    frames.send(b"\x00")
    frames.ping()
    frames.close(1001, "gone")
    assert frames.output() == b"".join(
        Frame(opcode, content).serialize(mask=False)
        for opcode, content in (
            (TEXT, "é".encode()), (BINARY, b"\x00"), (PING, b""), (CLOSE, Close(1001, "gone").serialize()),
        )
    )  # fmt: skip
    assert frames.close_code == 1001


def test_without_a_close_frame_the_code_is_1006() -> None:
    assert WebSocketFrames(LONGEST).close_code == 1006
