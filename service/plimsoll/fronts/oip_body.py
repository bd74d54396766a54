"""The body of an inference request of the Open Inference Protocol: JSON, and perhaps tensors in bytes after it."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import msgspec
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput, MalformedBody
from plimsoll.fronts.json_tensors import array_of_json
from plimsoll.fronts.known_requests import Place
from plimsoll.fronts.oip_document import WireInput, WireRequest
from plimsoll.fronts.raw_tensors import array_of, element_bytes
from plimsoll.fronts.tensor_requests import LARGEST, add_once, check_number, check_own_data, declared_spec, names_of
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.inference.request_head import RequestHead
from plimsoll.quoting import quote
from plimsoll.tasks.json_values import holds_more
from plimsoll.tasks.number_rows import MAX_ROWS
from plimsoll.tasks.tensors import most_numbers

HEADER_LENGTH = b"inference-header-content-length"
"""The header with the number of bytes of JSON at the beginning of the body; all of it if the header is missing."""
_FORM = 'an object {"inputs": [{"name", "datatype", "shape", "data"}, ...]}'
_COUNTED_FROM_BYTES = 65_536
_MOST_OTHERS = 1_000
_LONGEST_LENGTH = 18
_LONGEST_REASON = 120

_decoder = msgspec.json.Decoder(WireRequest)


def json_bytes(head: RequestHead, body: bytes) -> int:
    """The length of the JSON in a body.

    Raises:
        InvalidInput: the head declares something else than a length within the body.
    """
    declared = head.fields.get(HEADER_LENGTH)
    if declared is None:
        return len(body)
    if declared.isdigit() and len(declared) <= _LONGEST_LENGTH and (length := int(declared)) <= len(body):
        return length
    raise InvalidInput(
        "the header Inference-Header-Content-Length is not a length within the body",
        expected=f"a whole number from 0 to {len(body)}, the bytes of JSON",
        given=quote(declared.decode("latin-1"), 32),
    )  # fmt: skip


def parse(text: memoryview, wire: Signature, *, is_declared: bool) -> WireRequest:
    """The request in the JSON part of a body; `is_declared` if the head declares the length of that part.

    Raises:
        MalformedBody: it is empty or not JSON.
        InvalidInput: a field is missing or of the wrong type, or there are too many values.
    """
    if not text:
        raise MalformedBody("the body is empty", code="empty_body", expected=_FORM)
    if len(text) > _COUNTED_FROM_BYTES:
        _check_amount(bytes(text), wire)
    try:
        request = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _explain(error, len(text) if is_declared else None)
    check_number(request.inputs, wire)
    return request


def tensors_of(request: WireRequest, raw: memoryview, wire: Signature) -> dict[str, NDArray[Any]]:
    """The tensors by name, from the JSON and from the bytes after it.

    Raises:
        InvalidInput: an input is wrong; or bytes are missing or left over.
    """
    tensors: dict[str, NDArray[Any]] = {}
    at = 0
    for each in request.inputs:
        spec = declared_spec(wire, each.name, each.datatype, each.shape)
        size = _binary_size(each)
        if size is None:
            add_once(tensors, each.name, array_of_json(each.name, spec.datatype, tuple(each.shape), each.data))
            continue
        if at + size > len(raw):
            raise InvalidInput(
                f"the body ends before the bytes of the input '{each.name}'",
                expected=f"{size} bytes by binary_data_size", given=f"{len(raw) - at} bytes",
            )  # fmt: skip
        add_once(tensors, each.name, array_of(each.name, spec.datatype, tuple(each.shape), raw[at : at + size]))
        at += size
    if at != len(raw):
        raise InvalidInput(
            "the body goes on after the last tensor", expected=f"{at} bytes after the JSON", given=f"{len(raw)} bytes"
        )
    return tensors


def places_of(request: WireRequest, wire: Signature) -> tuple[Place, ...]:
    """The places of the tensors of a request that is right; none if one of them is JSON."""
    places: list[Place] = []
    at = 0
    for each in request.inputs:
        size = _binary_size(each)
        if size is None:
            return ()
        datatype = declared_spec(wire, each.name, each.datatype, each.shape).datatype
        places.append(Place(each.name, datatype, tuple(each.shape), at, at + size))
        at += size
    return tuple(places)


def raw_tensor(raw: memoryview, wire: Signature) -> dict[str, NDArray[Any]]:
    """The one input of a body without JSON, a batch of one row.

    Raises:
        InvalidInput: the model has several inputs, or the shape of its input does not follow from a number of bytes.
    """
    if len(wire.inputs) != 1:
        raise InvalidInput(
            "a body without JSON is for models of one input",
            expected=f"JSON that names the inputs {names_of(wire.inputs)}",
        )
    (spec,) = wire.inputs
    if spec.datatype == "BYTES":
        raw = memoryview(len(raw).to_bytes(4, "little") + bytes(raw))
    return {spec.name: array_of(spec.name, spec.datatype, (1, *_row_shape(spec, len(raw))), raw)}


def _row_shape(spec: TensorSpec, size: int) -> tuple[int, ...]:
    """The shape of a row of so many bytes; only one dimension may be open."""
    shape = spec.shape[1:]
    if -1 not in shape:
        return shape
    step = math.prod(length for length in shape if length > 0) * element_bytes(spec.datatype)
    if shape.count(-1) > 1 or not size or size % step:
        raise InvalidInput(
            f"the shape of the input '{spec.name}' does not follow from the length of the body",
            expected="JSON that names the shape", given=f"{size} bytes",
        )  # fmt: skip
    return tuple(size // step if length < 0 else length for length in shape)


def _binary_size(given: WireInput) -> int | None:
    """The bytes of an input after the JSON; `None` if its data is JSON."""
    parameters = given.parameters or {}
    check_own_data(given.name, parameters)
    if "binary_data_size" not in parameters:
        return None
    size = parameters["binary_data_size"]
    if type(size) is not int or not 0 <= size <= LARGEST or given.data is not None:
        raise InvalidInput(
            f"the input {quote(given.name, 64)} does not say where its data is",
            expected="either data, or the parameter binary_data_size, a whole number of bytes",
            given="both" if given.data is not None else quote(str(size), 32),
        )
    return size


def _check_amount(text: bytes, wire: Signature) -> None:
    """Refuse a long text with far more values than the inputs may have, before anything is made of it."""
    most = most_numbers(wire)
    marks = ((b",", 2 * most + _MOST_OTHERS), (b"[", 2 * most + _MOST_OTHERS), (b"{", _MOST_OTHERS))
    if any(holds_more(text, mark, limit) for mark, limit in marks):
        raise InvalidInput("the body holds too many values", expected=f"at most {MAX_ROWS} rows, and {most} numbers")


def _explain(error: Exception, declared: int | None) -> NoReturn:
    reason = str(error)[:_LONGEST_REASON]
    if isinstance(error, msgspec.ValidationError):
        raise InvalidInput("the body is no inference request", expected=_FORM, given=reason) from None
    if isinstance(error, RecursionError):
        reason = "lists nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        reason = "bytes that are not UTF-8"  # Python's own words count from the beginning of a string in the body
    expected = f"{_FORM}; JSON has no NaN or Infinity, which need binary tensor data"
    what = "the body is not JSON"
    if declared is not None:
        what = f"the first {declared} bytes of the body, as Inference-Header-Content-Length declares, are not JSON"
    raise MalformedBody(what, expected=expected, given=reason) from None
