"""Requests and answers of the HTTP side: written as the protocol has them, and read strictly."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from tests.conformance.tensors import Tensor, from_binary, from_json

HEADER_LENGTH = "Inference-Header-Content-Length"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Request:
    """The body of an inference request, with the headers that describe it."""

    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """An inference response: its JSON object, and its outputs in their order."""

    document: dict[str, Any]
    outputs: list[Tensor]
    binary: set[str]
    """Names of the outputs that came as binary data."""

    @property
    def names(self) -> list[str]:
        return [output.name for output in self.outputs]

    def output(self, name: str) -> Tensor:
        """The output of a name."""
        found = [output for output in self.outputs if output.name == name]
        assert len(found) == 1, f"output {name} comes {len(found)} times in {self.names}"
        return found[0]


def json_request(tensors: Sequence[Tensor], *, flat: bool = False, **fields: Any) -> Request:
    """A request whose tensors are all JSON; `fields` are further fields of the request object."""
    return document_request({"inputs": [tensor.as_json(flat=flat) for tensor in tensors], **fields})


def document_request(document: Any) -> Request:
    """A request of any JSON value."""
    return Request(json.dumps(document).encode(), JSON)


def binary_request(tensors: Sequence[Tensor], binary: Collection[str] | None = None, **fields: Any) -> Request:
    """A request whose tensors, or those named in `binary`, are binary data after the JSON object."""
    inputs, blobs = [], []
    for tensor in tensors:
        if binary is None or tensor.name in binary:
            head, data = tensor.as_binary()
            inputs.append(head)
            blobs.append(data)
        else:
            inputs.append(tensor.as_json())
    return with_blobs({"inputs": inputs, **fields}, b"".join(blobs))


def with_blobs(document: Any, blobs: bytes, header: str | None = None) -> Request:
    """A JSON value and binary data after it; `header` replaces the length that is right."""
    head = json.dumps(document).encode()
    headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: header or str(len(head))}
    return Request(head + blobs, headers)


def strict_json(body: bytes) -> Any:
    """A JSON value of an answer; NaN and Infinity are none, though Python's own reader takes them."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"the answer has the bare constant {constant}, which is not JSON: {shown(body)}")

    try:
        return json.loads(body, parse_constant=refuse)
    except ValueError as error:
        raise AssertionError(f"the answer is not JSON ({error}): {shown(body)}") from None


def read_reply(response: httpx.Response) -> Reply:
    """A successful inference response, in JSON, binary, or both; a fault of its form is an AssertionError."""
    assert response.status_code == 200, f"200 expected, {described(response)}"
    body, rest = response.content, b""
    length = response.headers.get(HEADER_LENGTH)
    if length is not None:
        assert length.isdigit(), f"{HEADER_LENGTH} is {length!r}"
        assert int(length) <= len(body), f"{HEADER_LENGTH} is {length}, the body has {len(body)} bytes"
        body, rest = body[: int(length)], body[int(length) :]
    document = strict_json(body)
    assert isinstance(document, dict), f"an object expected: {shown(body)}"
    outputs, binary = [], set()
    for each in document.get("outputs", []):
        size = (each.get("parameters") or {}).get("binary_data_size")
        try:
            if size is None:
                array = from_json(each["datatype"], each["shape"], each["data"])
            else:
                array = from_binary(each["datatype"], each["shape"], rest[:size])
                rest = rest[size:]
                binary.add(each["name"])
        except (KeyError, TypeError, ValueError) as error:
            raise AssertionError(f"output {shown(each)} cannot be read: {error}") from None
        outputs.append(Tensor(each["name"], each["datatype"], array))
    assert not rest, f"{len(rest)} bytes follow the last binary output"
    return Reply(document, outputs, binary)


def assert_same(got: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    """Outputs of the same names have the same datatypes, shapes and elements (floats to a thousandth)."""
    for output in got:
        (other,) = (each for each in expected if each.name == output.name)
        assert output.head() == other.head(), f"{output.head()} is not {other.head()}"
        if output.array.dtype.kind == "f":
            close = np.allclose(output.array, other.array, rtol=1e-3, atol=1e-5, equal_nan=True)
            assert close, f"{output.name} is {shown(output.array.tolist())}, not {shown(other.array.tolist())}"
        else:
            assert output.array.tolist() == other.array.tolist(), f"{output.name} has other elements"


def described(response: httpx.Response) -> str:
    """The status and the beginning of the body, for messages."""
    return f"the answer was {response.status_code} {shown(response.content)}"


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
