"""Reads messages; first the model and the version that a request names, before the request is parsed."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from plimsoll.errors import InvalidInput, MalformedBody
from plimsoll.protobuf_fields import FieldReader, NotProtobuf

MOST_FIELDS = 1_000
"""The most fields of a request, each input, output, parameter and raw content counted as one.

A parser makes an object of every field, so that a message of millions of empty ones would take many times its size.
"""
_Message = TypeVar("_Message", bound=Message)
_NAME, _VERSION = 1, 2
"""Field numbers in ModelInferRequest."""


def model_named(body: bytes) -> dict[str, str]:
    """The `name` and, if it is given, the `version` of the model in a ModelInferRequest.

    Raises:
        MalformedBody: the bytes are no protobuf message.
        InvalidInput: the request names no model.
    """
    found = {_NAME: b"", _VERSION: b""}
    try:
        for number, value in FieldReader(MOST_FIELDS).fields_of(memoryview(body)):
            if number in found and isinstance(value, memoryview):
                found[number] = bytes(value)  # the last one counts, as everywhere in protobuf
        name, version = (each.decode() for each in found.values())
    except NotProtobuf as error:
        raise _not_protobuf(str(error)) from None
    except UnicodeDecodeError:
        raise _not_protobuf("the name or the version of the model is not UTF-8") from None
    if not name:
        raise InvalidInput("the request names no model", expected="the name of a model in model_name")
    return {"name": name, "version": version} if version else {"name": name}


def parsed(kind: type[_Message], body: bytes) -> _Message:
    """The message of this kind in its bytes.

    Raises:
        MalformedBody: the bytes are no such message.
    """
    try:
        message: _Message = kind.FromString(body)
    except DecodeError:
        raise _not_protobuf("bytes that a parser of this message refuses") from None
    return message


def _not_protobuf(reason: str) -> MalformedBody:
    """The error for bytes that are no ModelInferRequest."""
    return MalformedBody(
        "the message is no ModelInferRequest", code="not_protobuf", given=reason,
        expected=f"a message of inference.GRPCInferenceService with at most {MOST_FIELDS} fields",
    )  # fmt: skip
