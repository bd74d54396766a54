"""Finds out what is wrong with a /v1 body that could not be decoded, and says it.

Runs only for bodies that have failed, so that the hot path carries none of this.
"""

from __future__ import annotations

import json
import sys
from typing import NoReturn

import msgspec

from plimsoll.errors import ClientError, InvalidInput, MalformedBody, quote

_SHAPE = 'an object {"features": [numbers]} for one row, or {"instances": [[numbers], ...]} for many'


_BLANKS = b" \t\n\r"
"""What JSON takes for blank, and nothing else is (RFC 8259, section 2)."""
_LONGEST_INTEGER = 400
"""An integer of more digits is beyond every float, and reading one of thousands is slow."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_syntax = msgspec.json.Decoder(msgspec.Raw)
"""Checks that a text is JSON and makes nothing of it."""


class _NotANumber(Exception):
    """JSON has no NaN and no Infinity, though Python's parser would take them."""


def explain(body: bytes, width: int) -> ClientError:
    """The error for a body that is not a valid request of rows of `width` numbers."""
    if not body.strip(_BLANKS):
        return MalformedBody("the body is empty", code="empty_body", expected=_SHAPE)
    try:
        return _fault_of_document(_parse(body), width)
    except ClientError as error:
        return error


def explain_surplus(body: bytes, rows: int, width: int) -> ClientError:
    """The error for a body of far more than `rows` rows of `width` numbers; costs 20 ms for one of 8 MB."""
    try:
        _syntax.decode(body)
    except RecursionError:
        return _too_deep()
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        return _not_json(f"{reason[0].lower()}{reason[1:]} of {len(body)}")
    return InvalidInput("the body holds too many rows or numbers", expected=f"at most {rows} rows of {width} numbers")


def _parse(body: bytes) -> object:
    """What the body holds; raises the error for one that Python cannot read either."""
    if body.startswith(_BYTE_ORDER_MARK):
        mark = "the bytes EF BB BF"
        raise MalformedBody("the body begins with a byte-order mark", expected="UTF-8 text without one", given=mark)
    try:
        # Python would guess UTF-16 and UTF-32; JSON that travels is UTF-8 (RFC 8259, section 8.1).
        return json.loads(body.decode(), parse_constant=_refuse_constant, parse_int=_integer)
    except _NotANumber as constant:
        raise MalformedBody(f"{constant} is not JSON", expected="finite numbers", given=str(constant)) from None
    except json.JSONDecodeError as error:
        if b"\0" in body:
            raise _not_utf8() from None
        reason = f"{error.msg[0].lower()}{error.msg[1:]}"
        raise _not_json(f"{reason} at character {error.pos} of {len(error.doc)}") from None
    except UnicodeDecodeError:
        raise _not_utf8() from None
    except RecursionError:
        raise _too_deep() from None


def _not_json(given: str) -> MalformedBody:
    return MalformedBody("the body is not JSON", expected=_SHAPE, given=given)


def _too_deep() -> MalformedBody:
    return MalformedBody("the body is nested too deeply", expected=_SHAPE)


def _not_utf8() -> MalformedBody:
    return MalformedBody("the body is not JSON", expected="UTF-8 text", given="bytes that are not UTF-8")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)  # beyond every range, and infinite


def _refuse_constant(constant: str) -> NoReturn:
    raise _NotANumber(constant)


def _fault_of_document(document: object, width: int) -> InvalidInput:
    if not isinstance(document, dict):
        return InvalidInput("the body has the wrong shape", expected=_SHAPE, given=_kind(document))
    if unknown := [str(name) for name in document if name not in ("features", "instances", "user")]:
        return InvalidInput(f"unknown field {quote(unknown[0], 32)}", expected=_SHAPE)
    if not isinstance(user := document.get("user"), str | None):
        return InvalidInput("'user' has the wrong type", expected="a string", given=_kind(user))
    named = [name for name in ("features", "instances") if document.get(name) is not None]
    if len(named) != 1:
        given = "both" if named else "neither"
        return InvalidInput("give either 'features' or 'instances'", expected=_SHAPE, given=given)
    if named == ["features"]:
        return _fault_of_row(document["features"], "features", width, None) or _unexplained()
    return _fault_of_rows(document["instances"], width) or _unexplained()


def _fault_of_rows(rows: object, width: int) -> InvalidInput | None:
    if not isinstance(rows, list):
        return InvalidInput("'instances' has the wrong type", expected="an array of rows", given=_kind(rows))
    for index, row in enumerate(rows):
        if fault := _fault_of_row(row, f"row {index} of instances", width, index):
            return fault
    return None


def _fault_of_row(row: object, where: str, width: int, index: int | None) -> InvalidInput | None:
    if not isinstance(row, list):
        return InvalidInput(
            f"{where} has the wrong type", expected=f"an array of {width} numbers", given=_kind(row), index=index
        )
    for position, value in enumerate(row):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return InvalidInput(
                f"{where} holds something else than a number at position {position}",
                expected=f"an array of {width} numbers",
                given=_kind(value),
                index=index,
            )
        if abs(value) > sys.float_info.max:
            return InvalidInput(
                f"{where} holds a number beyond every range at position {position}",
                expected="finite numbers",
                given="a number too large for a float",
                index=index,
            )
    return None


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return f"the string {quote(value, 32)}"
    if isinstance(value, list):
        return "an array"
    return "an object" if isinstance(value, dict) else "a number"


def _unexplained() -> InvalidInput:
    return InvalidInput("the body has the wrong shape", expected=_SHAPE)
