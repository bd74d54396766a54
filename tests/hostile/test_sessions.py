"""Sessions over a real server, with a real client and with clients that leave, flood, dawdle and send garbage."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close, Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from tests.hostile.form import HOST, head
from tests.hostile.served import Served
from tests.hostile.wire import connected, conversation, reset

_KEY = (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
_UPGRADE = (HOST, b"Connection: Upgrade", b"Upgrade: websocket", *_KEY)
_SLOW, _DIGITS = "slow", "digits"
_ROWS = {_SLOW: [0.0] * 4, _DIGITS: [0.5] * 784}
_WAYS: dict[str, Callable[[socket.socket], None]] = {"close": socket.socket.close, "reset": reset}


_MANY = 400
"""Messages that keep the slow model busy for forty seconds."""
_SMALL = Frame(Opcode.TEXT, b"{}").serialize(mask=True) * 500
"""Messages without an id."""


def session(served: Served, model: str = _DIGITS) -> ClientConnection:
    """A session by the library's own client."""
    return connect(f"ws://{served.address.host}:{served.address.port}/v1/models/{model}/session", max_size=None)


def raw(served: Served, model: str = _DIGITS, receive_bytes: int | None = None) -> socket.socket:
    """A session by a socket, whose handshake is done."""
    client = connected(served.address, receive_bytes=receive_bytes)
    client.sendall(head(f"GET /v1/models/{model}/session HTTP/1.1".encode(), *_UPGRADE))
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        said += client.recv(1)
    assert said.startswith(b"HTTP/1.1 101 ")
    return client


def frame(content: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    return Frame(opcode, content).serialize(mask=True)


def message(number: int, model: str = _DIGITS) -> bytes:
    return json.dumps({"id": number, "features": _ROWS[model]}).encode()


def closed_with(client: socket.socket) -> int:
    """The code of the close frame that is the last thing said."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65_536):
            said += part
    return Close.parse(said[said.rindex(b"\x88") + 2 :]).code


def computed(served: Served) -> float:
    return served.count("plimsoll_batch_size_sum", model=_SLOW)


def test_a_session_answers_and_goes_on_after_errors(served: Served) -> None:
    with session(served) as open_:
        for number in range(20):
            open_.send(message(number).decode())
        open_.send('{"id": "bad", "features": [1]}')
        open_.send(b"\x00")
        answers = [json.loads(open_.recv(30)) for _ in range(22)]
    by_id = {answer["id"]: answer for answer in answers}
    assert {answer["predictions"][0]["class"] for answer in answers if "predictions" in answer} != set()
    assert all(by_id[number]["model"] == "digits" for number in range(20))
    assert by_id["bad"]["error"]["code"] == "invalid_input"
    assert by_id[None]["error"]["code"] == "unsupported_media_type"
    assert open_.response is not None
    assert len(open_.response.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        (b"/v1/models/ghost/session", (), 404),
        (b"/v1/models/digits/session", (b"Origin: http://evil.example",), 403),
        (b"/v1/models/digits/session", (b"Host: evil.example",), 400),
    ],
)
def test_a_handshake_that_is_refused_is_an_http_answer_and_ends_the_connection(
    served: Served, path: bytes, fields: tuple[bytes, ...], status: int
) -> None:
    ours = fields if any(each.startswith(b"Host") for each in fields) else (HOST, *fields)
    sent = head(b"GET " + path + b" HTTP/1.1", *ours, *_UPGRADE[1:])
    (answer,) = conversation(served.address, [sent])
    assert answer.status == status
    assert json.loads(answer.body)["error"]["request_id"] == answer.fields["x-request-id"]


def test_the_librarys_client_understands_a_refusal(served: Served) -> None:
    with pytest.raises(InvalidStatus) as caught, session(served, "ghost"):
        pass
    assert caught.value.response.status_code == 404


@pytest.mark.parametrize("way", _WAYS)
def test_what_has_not_run_never_runs_once_the_client_has_left(served: Served, way: str) -> None:
    before = computed(served)
    client = raw(served, _SLOW)
    client.sendall(b"".join(frame(message(number, _SLOW)) for number in range(_MANY)))
    served.wait_for(lambda: served.count("plimsoll_requests_in_flight") == 16, "16 in flight")
    _WAYS[way](client)
    served.wait_for(lambda: served.in_flight() == 0, "nothing in flight")
    served.wait_for(lambda: served.connections() == 0, "no connection")
    assert computed(served) - before < _MANY / 2


def test_ten_thousand_messages_without_reading_fill_no_memory_and_keep_nobody_out(served: Served) -> None:
    process = served.process()
    with session(served) as innocent, raw(served, receive_bytes=4096) as flooding:
        innocent.send(message(0).decode())
        innocent.recv(30)
        before = process.memory_info().rss
        for number in range(10_000):
            flooding.sendall(frame(b'{"id": %d, "features": [0]}' % number))
        flooding.settimeout(2)
        with pytest.raises(TimeoutError):  # noqa: PT012  # each of these is answered with more bytes than it has
            for _ in range(20_000):
                flooding.sendall(_SMALL)
        for number in range(20):
            innocent.send(message(number).decode())
        assert sorted(json.loads(innocent.recv(30))["id"] for _ in range(20)) == list(range(20))
        assert process.memory_info().rss - before < 16 << 20
    served.wait_for(lambda: served.in_flight() == 0, "nothing in flight")


def test_a_flood_of_pings_is_no_work_for_long(served: Served) -> None:
    with raw(served) as client:
        client.sendall(frame(b"", Opcode.PING) * 5000 + frame(message(1)))
        said = b""
        while b'"predictions"' not in said:
            said += client.recv(65_536)
        assert said.startswith(b"\x8a\x00" * 100)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50, 1002),
        (b"\x00" * 1000, 1002),
        (frame(b"\xff\xff"), 1007),
        (b"\x81\xff" + (9 << 20).to_bytes(8, "big") + b"mask", 1009),
        (frame(b"", Opcode.CONT), 1002),
    ],
    ids=["requests", "zeros", "no text", "too long", "a part without its beginning"],
)
def test_garbage_ends_the_session_with_a_code_and_nothing_in_it_is_a_request(
    served: Served, sent: bytes, code: int
) -> None:
    with raw(served) as client:
        client.sendall(sent)
        assert closed_with(client) == code
    served.wait_for(lambda: served.in_flight() == 0, "nothing in flight")


def test_half_a_frame_and_silence_end_a_session(impatient: Served) -> None:
    before = {reason: impatient.refused(reason) for reason in ("body_too_slow", "websocket_silent")}
    with raw(impatient) as half, raw(impatient) as silent:
        half.sendall(frame(message(1))[:1000])
        impatient.wait_for(lambda: impatient.refused("websocket_silent") > before["websocket_silent"], "silence ended")
        with contextlib.suppress(OSError):
            while half.recv(100):
                pass
            while silent.recv(100):
                pass
    impatient.wait_for(lambda: impatient.connections() == 0, "no connection")


def test_a_client_that_trickles_a_message_is_too_slow(impatient: Served) -> None:
    before = impatient.refused("body_too_slow")
    with raw(impatient) as client, contextlib.suppress(OSError):
        client.settimeout(0.3)
        for byte in frame(message(1)):
            client.sendall(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                if not client.recv(1):
                    break
    impatient.wait_for(lambda: impatient.refused("body_too_slow") == before + 1, "the session closed")


def test_a_client_that_reads_no_answer_is_closed(impatient: Served) -> None:
    before = impatient.refused("answer_not_read")
    with raw(impatient, receive_bytes=4096) as client:
        client.settimeout(2)
        with contextlib.suppress(OSError):
            for _ in range(20_000):
                client.sendall(_SMALL)
        impatient.wait_for(lambda: impatient.refused("answer_not_read") == before + 1, "the session closed")


def test_a_session_ends_politely_for_a_client_that_closes(served: Served) -> None:
    with session(served) as client:
        client.send(message(1).decode())
        client.recv(30)
    assert client.close_code == 1000
    with pytest.raises(ConnectionClosed):
        client.recv(1)
