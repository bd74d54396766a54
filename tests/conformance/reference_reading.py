"""Reads inference requests for the reference server, and refuses everything that is not quite right."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance.reference_models import Model, Tensors, TensorType
from tests.conformance.tensors import DATATYPES, WITHOUT_JSON, Array, from_binary, from_json, numpy_type

MOST_BYTES = 64 * 1024 * 1024


class RefusedError(Exception):
    """The client is at fault; `status` says how."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Question:
    """A request that can be answered."""

    tensors: Tensors
    outputs: list[dict[str, Any]]
    """The outputs to return, with their parameters."""
    id: str | None
    all_binary: bool


def inflated(body: bytes, coding: str) -> bytes:
    """The body without its content coding."""
    if coding == "identity":
        return body
    if coding not in ("gzip", "deflate"):
        raise RefusedError(f"the content coding {coding} is unknown; send gzip, deflate or none", 415)
    stream = zlib.decompressobj(wbits=31 if coding == "gzip" else 15)
    try:
        plain = stream.decompress(body, MOST_BYTES)
    except zlib.error:
        raise RefusedError(f"the body is no {coding} stream") from None
    if not stream.eof:
        raise RefusedError(f"the {coding} stream is cut, or inflates to more than {MOST_BYTES} bytes")
    return plain


def read_question(model: Model, body: bytes, headers: Mapping[str, str]) -> Question:
    """The tensors of a request, and what it asks for."""
    length = headers.get("inference-header-content-length")
    head, blobs = (body, b"") if length is None else _parted(body, length)
    if length == "0":
        return _raw_question(model, body)
    document = _object(head)
    tensors, rest = {}, blobs
    for given in _list(document.get("inputs"), "inputs"):
        kind = input_type(model, given)
        if kind.name in tensors:
            raise RefusedError(f"input {kind.name} comes twice")
        tensors[kind.name], rest = _tensor(kind, given, rest)
    if rest:
        raise RefusedError(f"{len(rest)} bytes follow the binary data of the last input")
    return checked(model, tensors, document)


def _parted(body: bytes, length: str) -> tuple[bytes, bytes]:
    if not (length.isascii() and length.isdigit() and len(length) < 20) or int(length) > len(body):
        raise RefusedError(f"the header length is a number of at most {len(body)}, the size of the body; not {length}")
    return body[: int(length)], body[int(length) :]


def _raw_question(model: Model, body: bytes) -> Question:
    if len(model.inputs) != 1:
        raise RefusedError(f"a raw request needs a model with one input; this one has {len(model.inputs)}")
    (kind,) = model.inputs
    shape = [1, *kind.shape[1:]]
    array = typed_tensor(kind, shape, [body]) if kind.datatype == "BYTES" else binary_tensor(kind, shape, body)
    return Question({kind.name: array}, [{"name": output.name} for output in model.outputs], None, all_binary=True)


def _object(head: bytes) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise RefusedError(f"{constant} is not JSON")

    try:
        document = json.loads(head, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise RefusedError("the body is not JSON") from None
    if not isinstance(document, dict):
        raise RefusedError("the body is a JSON object, not another value")
    return document


def _list(value: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise RefusedError(f"{name} is a list of objects")
    return value


def input_type(model: Model, given: dict[str, Any]) -> TensorType:
    """The input of the model that is given; its datatype and shape are those of the model."""
    for key in ("name", "datatype", "shape"):
        if key not in given:
            raise RefusedError(f"an input has no {key}")
    found = [kind for kind in model.inputs if kind.name == given["name"]]
    if not found:
        raise RefusedError(f"the model has no input of this name; it has {[kind.name for kind in model.inputs]}")
    (kind,) = found
    if given["datatype"] != kind.datatype:
        known = "unknown" if given["datatype"] not in DATATYPES else "another"
        raise RefusedError(f"input {kind.name} is {kind.datatype}; the datatype given is {known}")
    _check_shape(kind, given["shape"])
    return kind


def _check_shape(kind: TensorType, shape: Any) -> None:
    if not isinstance(shape, list) or any(not isinstance(size, int) or isinstance(size, bool) for size in shape):
        raise RefusedError(f"the shape of input {kind.name} is a list of whole numbers")
    if any(not 0 <= size < 2**64 for size in shape):
        raise RefusedError(f"each size of the shape of input {kind.name} is a number of 64 bits, 0 or more")
    fits = len(shape) == len(kind.shape) and all(
        size == fixed or fixed < 0 for size, fixed in zip(shape, kind.shape, strict=True)
    )
    if not fits:
        raise RefusedError(f"input {kind.name} has the shape {list(kind.shape)}, where -1 is open; {shape} was given")


def _tensor(kind: TensorType, given: dict[str, Any], rest: bytes) -> tuple[Array, bytes]:
    parameters = given.get("parameters", {})
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return _from_json(kind, given), rest
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(rest):
        raise RefusedError(f"input {kind.name}: binary_data_size is a number of at most {len(rest)}, the bytes left")
    return binary_tensor(kind, given["shape"], rest[:size]), rest[size:]


def binary_tensor(kind: TensorType, shape: list[int], data: bytes) -> Array:
    """The elements of binary data, of which there are as many as the shape has."""
    if kind.datatype != "BYTES":
        size = 2 if kind.datatype == "BF16" else numpy_type(kind.datatype).itemsize
        if math.prod(shape) * size != len(data):
            expected = math.prod(shape) * size
            raise RefusedError(f"input {kind.name}: {expected} bytes of binary data expected, {len(data)} given")
    try:
        return from_binary(kind.datatype, shape, data)
    except ValueError as error:
        raise RefusedError(f"input {kind.name}: {error}") from None


def _from_json(kind: TensorType, given: dict[str, Any]) -> Array:
    if kind.datatype in WITHOUT_JSON:
        raise RefusedError(f"input {kind.name} is {kind.datatype}, which has no JSON form; send binary data")
    data, shape = given.get("data"), given["shape"]
    if not isinstance(data, list):
        raise RefusedError(f"input {kind.name}: data is a list")
    if any(isinstance(each, list) for each in data) and not _is_nested(data, shape):
        raise RefusedError(f"input {kind.name}: data is neither flat nor nested as the shape {shape}")
    return typed_tensor(kind, shape, data)


def typed_tensor(kind: TensorType, shape: list[int], data: list[Any]) -> Array:
    """The elements of a list, of which there are as many as the shape has; BYTES are texts or bytes."""
    try:
        return from_json(kind.datatype, shape, data)
    except (ValueError, OverflowError) as error:
        raise RefusedError(f"input {kind.name}: {error}") from None


def _is_nested(data: Any, shape: list[int]) -> bool:
    if not shape:
        return not isinstance(data, list)
    return isinstance(data, list) and len(data) == shape[0] and all(_is_nested(each, shape[1:]) for each in data)


def checked(model: Model, tensors: Tensors, document: dict[str, Any]) -> Question:
    """The question of these tensors, if there are all of them, and of the rest of the request object."""
    for kind in model.inputs:
        if kind.name not in tensors:
            raise RefusedError(f"input {kind.name} is missing")
    if len({array.shape[0] for array in tensors.values()}) > 1:
        raise RefusedError("the first size of all inputs is the same")
    given = document.get("id")
    if given is not None and not isinstance(given, str):
        raise RefusedError("id is a text")
    names = [output.name for output in model.outputs]
    outputs = _list(document.get("outputs", [{"name": name} for name in names]), "outputs")
    for output in outputs:
        if output.get("name") not in names:
            raise RefusedError(f"the model has no output of this name; it has {names}")
    parameters = document.get("parameters", {})
    if not isinstance(parameters, dict):
        raise RefusedError("parameters is an object")
    return Question(tensors, outputs, given, all_binary=parameters.get("binary_data_output") is True)
