"""Requests with binary data that no server can answer; see bad_requests.py."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.conformance.bad_requests import BadRequest
from tests.conformance.messages import HEADER_LENGTH, Request, binary_request, json_request, with_blobs
from tests.conformance.server import BINARY, Server
from tests.conformance.tensors import Tensor, to_binary

Change = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]


def parts(server: Server) -> tuple[dict[str, Any], bytes]:
    """The JSON object and the binary data of the valid request."""
    request = binary_request(server.tensors)
    length = int(request.headers[HEADER_LENGTH])
    return json.loads(request.body[:length]), request.body[length:]


def split(name: str, change: Change) -> BadRequest:
    """The valid request with another JSON object or other binary data."""
    return BadRequest(name, lambda server: with_blobs(*change(*parts(server))), BINARY)


def size_of_first(name: str, size: Any) -> BadRequest:
    """The valid request with another `binary_data_size` in its first input."""

    def change(document: dict[str, Any], blobs: bytes) -> tuple[dict[str, Any], bytes]:
        document["inputs"][0]["parameters"]["binary_data_size"] = size
        return document, blobs

    return split(name, change)


def header(name: str, value: Callable[[Request], str]) -> BadRequest:
    """The valid request with another length of its JSON object in the header."""

    def make(server: Server) -> Request:
        request = binary_request(server.tensors)
        return replace(request, headers=request.headers | {HEADER_LENGTH: value(request)})

    return BadRequest(name, make, BINARY)


def _wrong_size(by: int) -> Change:
    """The first input with more bytes than its shape has, or with fewer; the body agrees with the sizes."""

    def change(document: dict[str, Any], blobs: bytes) -> tuple[dict[str, Any], bytes]:
        first = document["inputs"][0]["parameters"]
        end = first["binary_data_size"]
        first["binary_data_size"] += by
        data = blobs[: end + by] if by < 0 else blobs[:end] + bytes(by)
        return document, data + blobs[end:]

    return change


def _without_header(server: Server) -> Request:
    document, _ = parts(server)
    return Request(json.dumps(document).encode(), {"Content-Type": "application/json"})


def _raw_for_two_inputs(server: Server) -> Request:
    if len(server.tensors) < 2:
        pytest.skip("the model has one input, which a raw request may carry")
    blobs = to_binary(server.tensors[0].datatype, server.tensors[0].array)
    return Request(blobs, {"Content-Type": "application/octet-stream", HEADER_LENGTH: "0"})


def bytes_elements(name: str, change: Callable[[bytes], bytes]) -> BadRequest:
    """The valid request whose first input of BYTES has other binary data, of which the size is right."""

    def make(server: Server) -> Request:
        document, blobs = parts(server)
        place = 0
        for each in document["inputs"]:
            size = each["parameters"]["binary_data_size"]
            if each["datatype"] == "BYTES":
                data = change(blobs[place : place + size])
                each["parameters"]["binary_data_size"] = len(data)
                return with_blobs(document, blobs[:place] + data + blobs[place + size :])
            place += size
        pytest.skip("the model has no input of BYTES")

    return BadRequest(name, make, BINARY)


BINARY_DATA = [
    split("body-too-short", lambda document, blobs: (document, blobs[:-1])),
    split("no-binary-data", lambda document, _: (document, b"")),
    split("bytes-after-the-last-input", lambda document, blobs: (document, blobs + b"\0\0\0\0")),
    split("fewer-bytes-than-the-shape", _wrong_size(-1)),
    split("more-bytes-than-the-shape", _wrong_size(4)),
    size_of_first("size-negative", -1),
    size_of_first("size-a-text", "many"),
    size_of_first("size-beyond-64-bits", 2**64),
    size_of_first("size-of-8-exabytes", 2**63 - 1),
    header("header-beyond-the-body", lambda request: str(len(request.body) + 1)),
    header("header-negative", lambda _: "-1"),
    header("header-not-a-number", lambda _: "many"),
    header("header-of-40-digits", lambda _: "9" * 40),
    header("header-ends-in-the-json", lambda _: "20"),
    BadRequest("size-without-the-header", _without_header, BINARY),
    bytes_elements("element-cut", lambda data: data[:-1]),
    bytes_elements("length-of-an-element-cut", lambda data: data + b"\1\0"),
    bytes_elements("element-of-4-gigabytes", lambda data: b"\xff\xff\xff\xff" + data[4:]),
    bytes_elements("an-element-too-many", lambda data: data + b"\0\0\0\0"),
]
"""Section Binary Tensor Request."""
RAW = [BadRequest("raw-request-for-two-inputs", _raw_for_two_inputs, BINARY)]
"""Section Raw Binary Request."""


def _packed(tensors: list[Tensor], encoding: str) -> bytes:
    body = json_request(tensors).body
    return gzip.compress(body) if encoding == "gzip" else zlib.compress(body)


def compressed(tensors: list[Tensor], encoding: str) -> Request:
    """The request as JSON under a content coding, gzip or deflate."""
    return Request(_packed(tensors, encoding), {"Content-Type": "application/json", "Content-Encoding": encoding})


def broken_stream(encoding: str, change: Callable[[bytes], bytes]) -> Callable[[Server], Request]:
    """Makes the request under a content coding, and then breaks its stream."""

    def make(server: Server) -> Request:
        request = compressed(server.tensors, encoding)
        return replace(request, body=change(request.body))

    return make


BROKEN_STREAMS = [
    BadRequest(f"{encoding}-{name}", broken_stream(encoding, change))
    for encoding in ("gzip", "deflate")
    for name, change in {
        "cut-in-the-middle": lambda body: body[: len(body) // 2],
        "cut-before-the-checksum": lambda body: body[:-4],
        "wrong-checksum": lambda body: body[:-8] + bytes(byte ^ 0xFF for byte in body[-8:]),
        "not-compressed": lambda _: b'{"inputs": []}',
    }.items()
]
"""Streams of a content coding that end early or say something else (RFC 9110, section 8.4.1)."""
