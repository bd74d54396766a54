"""Requests that no server can answer, each made from the valid request of the model by one change.

A maker calls `pytest.skip` where the model has no input of the kind that the change needs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conformance.messages import JSON, Request, document_request, json_request
from tests.conformance.server import Server
from tests.conformance.tensors import DATATYPES, WITHOUT_JSON

Document = dict[str, Any]
Change = Callable[[Document], object]
INTEGERS = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
FLOATS = ("FP32", "FP64")


@dataclass(frozen=True)
class BadRequest:
    """A request at which the client is at fault; `make` may skip the test that uses it."""

    name: str
    make: Callable[[Server], Request]
    extension: str | None = None


def document_of(server: Server) -> Document:
    """The valid request as JSON; skips for a model whose inputs have no JSON form."""
    if any(tensor.datatype in WITHOUT_JSON for tensor in server.tensors):
        pytest.skip("an input is FP16 or BF16, which have no agreed JSON form")
    document: Document = json.loads(json_request(server.tensors).body)
    return document


def changed(name: str, change: Change) -> BadRequest:
    """The valid request, changed in place."""

    def make(server: Server) -> Request:
        document = document_of(server)
        change(document)
        return document_request(document)

    return BadRequest(name, make)


def first_input(name: str, /, **fields: Any) -> BadRequest:
    """The valid request with other fields in its first input; a field that is None is taken away."""

    def change(document: Document) -> None:
        kept = {key: value for key, value in (document["inputs"][0] | fields).items() if value is not None}
        document["inputs"][0] = kept

    return changed(name, change)


def bytes_request(name: str, body: bytes) -> BadRequest:
    """A body that does not depend on the model."""
    return BadRequest(name, lambda _: Request(body, JSON))


def with_element(name: str, element: Any, *datatypes: str) -> BadRequest:
    """The valid request with another first element in the first input of one of these datatypes."""

    def change(document: Document) -> None:
        chosen = one_of(document, *datatypes)
        place = chosen["data"]
        while isinstance(place[0], list):
            place = place[0]
        place[0] = element

    return changed(name, change)


def one_of(document: Document, *datatypes: str) -> Document:
    """The first input of one of these datatypes; skips if the model has none."""
    for each in document["inputs"]:
        if each["datatype"] in datatypes and each["data"]:
            found: Document = each
            return found
    pytest.skip(f"the model has no input of {' or '.join(datatypes)}")


def _one_element_less(document: Document) -> None:
    first = document["inputs"][0]
    first["data"] = first["data"][:-1]


def _one_element_more(document: Document) -> None:
    first = document["inputs"][0]
    first["data"] = [*first["data"], first["data"][0]]


def _other_fixed_dimension(server: Server) -> Request:
    document_of(server)
    for place, each in enumerate(server.model_metadata.get("inputs") or []):
        fixed = [axis for axis, size in enumerate(each["shape"]) if size > 0]
        if fixed and each["name"] == server.tensors[place].name:
            tensors = list(server.tensors)
            array = tensors[place].array
            grown = array.repeat(2, axis=fixed[-1])
            tensors[place] = tensors[place].of(array=grown)
            return json_request(tensors)
    pytest.skip("all dimensions of the metadata are open")


def _another_rank(server: Server) -> Request:
    document_of(server)
    first, *others = server.tensors
    return json_request([first.of(array=first.array.reshape((*first.array.shape, 1, 1))), *others])


def _text_for_numbers(server: Server) -> Request:
    document = document_of(server)
    number = one_of(document, *(DATATYPES - {"BYTES"}))
    number |= {"datatype": "BYTES", "shape": [1], "data": ["text"]}
    return document_request(document)


OBJECT = [
    bytes_request("empty-body", b""),
    bytes_request("cut-json", b'{"inputs": [{"name": '),
    bytes_request("not-json", b"inputs=1"),
    bytes_request("json-array", b"[]"),
    changed("no-inputs", lambda document: document.pop("inputs")),
    changed("inputs-an-object", lambda document: document.update(inputs={})),
    changed("inputs-empty", lambda document: document.update(inputs=[])),
    changed("inputs-of-text", lambda document: document.update(inputs=["text"])),
    changed("missing-input", lambda document: document["inputs"].pop()),
]
"""Section Inference Request JSON Object."""
INPUT = [
    first_input("no-name", name=None),
    first_input("no-shape", shape=None),
    first_input("no-datatype", datatype=None),
    first_input("no-data", data=None),
    first_input("unknown-datatype", datatype="FLOAT"),
    first_input("negative-dimension", shape=[-1, -1]),
    first_input("two-negative-dimensions", shape=[-1, -4]),
    first_input("fractional-dimension", shape=[1.5, 2]),
    first_input("dimension-beyond-64-bits", shape=[2**64, 1]),
    first_input("product-beyond-64-bits", shape=[2**32, 2**32]),
    first_input("shape-a-number", shape=1),
]
"""Section Request Input."""
DATA = [
    changed("one-element-less", _one_element_less),
    changed("one-element-more", _one_element_more),
    first_input("data-empty", data=[]),
    first_input("data-an-object", data={}),
    with_element("word-for-a-number", "word", *INTEGERS, *FLOATS),
    with_element("object-for-an-element", {}, *DATATYPES),
]
"""Section Tensor Data."""
DOUBTFUL = [
    BadRequest("other-fixed-dimension", _other_fixed_dimension),
    BadRequest("another-rank", _another_rank),
    changed("duplicate-input", lambda document: document["inputs"].append(document["inputs"][0])),
    changed("unknown-input", lambda document: document["inputs"].append(document["inputs"][0] | {"name": "no-such"})),
    changed("unknown-output", lambda document: document.update(outputs=[{"name": "no-such-output"}])),
    changed("id-a-number", lambda document: document.update(id=7)),
    first_input("dimension-a-text", shape=["1", "1"]),
    BadRequest("text-for-numbers", _text_for_numbers),
    with_element("list-too-deep", [[1]], *DATATYPES),
    with_element("null-for-an-element", None, *DATATYPES),
    with_element("fraction-for-an-integer", 0.5, *INTEGERS),
    with_element("integer-out-of-range", 2**70, *INTEGERS),
    bytes_request("nested-100000-deep", b"[" * 100_000),
]
"""Requests about which the text is silent, or which it lets a server coerce."""
