"""Bodies under a content coding, and bodies larger than any server takes."""

from __future__ import annotations

import gzip
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conformance.bad_binary import BROKEN_STREAMS, compressed
from tests.conformance.bad_requests import BadRequest, document_of
from tests.conformance.messages import Request, assert_same, binary_request, described, read_reply, strict_json
from tests.conformance.server import Server, error_of

CODINGS = ("gzip", "deflate")
_SECONDS_TO_REFUSE = 2


def reads(server: Server, coding: str) -> httpx.Response:
    """The answer to a valid request under a content coding; skips if the server refuses the coding."""
    document_of(server)
    response = server.infer(compressed(server.tensors, coding))
    if 400 <= response.status_code < 500:
        pytest.skip(f"the server reads no {coding}; {described(response)}")
    return response


@pytest.mark.parametrize("coding", CODINGS)
def test_a_compressed_body_is_read_or_refused(steady: Server, coding: str) -> None:
    """tritonclient compresses on request: the server reads it, or refuses the coding with a status of the client.

    Recommended: Content-Encoding of RFC 9110 and of Triton's HTTP clients.
    """
    assert_same(read_reply(reads(steady, coding)).outputs, steady.reply.outputs)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_refused_coding_has_the_error_object(server: Server, coding: str) -> None:
    """Whoever refuses a coding says so in the error object.

    Required: Inference Response JSON Error Object.
    """
    document_of(server)
    response = server.infer(compressed(server.tensors, coding))
    if response.status_code != 200:
        error_of(response)


def test_header_length_counts_the_inflated_json(binary: Server) -> None:
    """Under a content coding, the header for binary data counts bytes of the body as it was before.

    Recommended with binary_tensor_data: Content-Encoding of RFC 9110 and of Triton's HTTP clients.
    """
    reads(binary, "gzip")
    request = binary_request(binary.tensors)
    packed = Request(gzip.compress(request.body), request.headers | {"Content-Encoding": "gzip"})
    assert_same(read_reply(binary.infer(packed)).outputs, binary.reply.outputs)


@pytest.mark.parametrize("bad", BROKEN_STREAMS, ids=lambda bad: bad.name)
def test_a_broken_stream_is_an_error_of_the_client(server: Server, bad: BadRequest) -> None:
    """A stream that ends early, or has a wrong checksum, is refused and not answered by its beginning.

    Recommended: Content-Encoding of RFC 9110 and of Triton's HTTP clients.
    """
    reads(server, bad.name.split("-")[0])
    response = server.infer(bad.make(server))
    assert 400 <= response.status_code < 500, f"a status from 400 to 499 expected, {described(response)}"


def test_an_unknown_coding_is_an_error_of_the_client(server: Server) -> None:
    """A coding that the server cannot undo leaves nothing that it could read.

    Recommended: Content-Encoding of RFC 9110 and of Triton's HTTP clients.
    """
    response = server.infer(Request(b"\0\1\2\3", {"Content-Type": "application/json", "Content-Encoding": "x-no-such"}))
    refused = 400 <= response.status_code < 500 or response.status_code == 501
    assert refused, f"415 or another status from 400 to 499, or 501, expected; {described(response)}"


@pytest.mark.parametrize("coding", CODINGS)
def test_an_answer_under_a_coding_can_be_read(steady: Server, coding: str) -> None:
    """A client that accepts a coding gets the same answer, under it or plain.

    Recommended: Content-Encoding of RFC 9110 and of Triton's HTTP clients.
    """
    response = steady.infer(steady.request(steady.tensors), Accept_Encoding=coding)
    assert response.headers.get("Content-Encoding", "identity") in ("identity", coding)
    assert_same(read_reply(response).outputs, steady.reply.outputs)


@pytest.mark.parametrize("length", [10**12, 10**18], ids=["terabyte", "exabyte"])
def test_a_body_beyond_all_bounds_has_the_error_object(server: Server, length: int) -> None:
    """A server that refuses such a length by its header alone does so with the error object.

    Required: Inference Response JSON Error Object.
    """
    if not server.has_sockets:
        pytest.skip("the server runs in this process, without sockets")
    address = urlsplit(server.target.url)
    if address.scheme != "http":
        pytest.skip("the request is written to a plain socket, and the server speaks TLS")
    with socket.create_connection((address.hostname or "", address.port or 80), timeout=_SECONDS_TO_REFUSE) as wire:
        head = (
            f"POST {address.path}{server.model_path}/infer HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
        wire.sendall(head.encode() + b"{")
        answer = _read(wire)
    if not answer:
        pytest.skip("the server waits for the body")
    start, _, rest = answer.partition(b"\r\n\r\n")
    status = int(start.split(b" ", 2)[1])
    assert status >= 400, f"an error expected, the answer was {status}"
    assert isinstance(strict_json(rest).get("error"), str), f'{{"error": text}} expected, not {rest[:200]!r}'


def _read(wire: socket.socket) -> bytes:
    """The bytes that come before the server closes, or keeps silent."""
    answer = b""
    try:
        while part := wire.recv(65536):
            answer += part
    except (TimeoutError, ConnectionResetError):
        pass
    return answer
