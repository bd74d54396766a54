"""Finds out what is wrong with a JSON body that could not be decoded, and says it.

Runs only for bodies that have failed, so that the hot path carries none of this.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple, NoReturn

import msgspec

from plimsoll.errors import ClientError, InvalidInput, MalformedBody
from plimsoll.quoting import quote

_BLANKS = b" \t\n\r"
"""The blanks of JSON (RFC 8259, section 2); no other character is one."""
_LONGEST_INTEGER = 400
"""An integer of more digits is beyond every float, and reading one of thousands is slow."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_syntax = msgspec.json.Decoder(msgspec.Raw)
"""Checks that a text is JSON and makes nothing of it."""


class BodyForm(NamedTuple):
    """The body of a task: `sentence` describes it; the field `one` holds one row, and the field `many` several.

    The field `also`, if any, holds one row in another form; see `OtherForm`. Messages repeat the beginning of a string
    that stands in the wrong place, unless strings are `private`.
    """

    sentence: str
    one: str
    many: str
    also: str | None = None
    private: bool = False


FaultOf = Callable[[object, int | None], InvalidInput | None]
"""Says what is wrong with one row; it is given the row and its place, which is `None` for one row alone."""


class OtherForm(NamedTuple):
    """Another form of the body of a task; `is_meant` says whether a document was written in it."""

    is_meant: Callable[[object], bool]
    form: BodyForm
    fault_of: FaultOf


class _NotANumber(Exception):
    """JSON has no NaN and no Infinity, though Python's parser would take them."""


def explain(body: bytes, form: BodyForm, fault_of: FaultOf, other: OtherForm | None = None) -> ClientError:
    """The error for a body that is not a valid request of this form, or of the other one if that is meant."""
    if not body.strip(_BLANKS):
        return MalformedBody("the body is empty", code="empty_body", expected=form.sentence)
    try:
        document = _parse(body, form)
    except ClientError as error:
        return error
    if other is not None and other.is_meant(document):
        form, fault_of = other.form, other.fault_of
    return _fault_of_document(document, form, fault_of) or wrong_shape(form)


def syntax_fault(body: bytes, form: BodyForm) -> ClientError | None:
    """The error for a body that is not JSON, found without making anything of it; 20 ms for one of 8 MB."""
    try:
        _syntax.decode(body)
    except RecursionError:
        return _too_deep(form)
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        return _not_json(form, f"{reason[0].lower()}{reason[1:]} of {len(body)}")
    return None


def wrong_shape(form: BodyForm, given: str | None = None) -> InvalidInput:
    """The error for JSON of another shape."""
    return InvalidInput("the body has the wrong shape", expected=form.sentence, given=given)


def kind_of(value: object) -> str:
    """Describe a JSON value in a few words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return f"the string {quote(value, 32)}"
    if isinstance(value, list):
        return "an array"
    return "an object" if isinstance(value, dict) else "a number"


def _kind_in(form: BodyForm, value: object) -> str:
    return "a string" if form.private and isinstance(value, str) else kind_of(value)


def _parse(body: bytes, form: BodyForm) -> object:
    """Parse the body; raises the error for one that Python cannot read either."""
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
        raise _not_json(form, f"{reason} at character {error.pos} of {len(error.doc)}") from None
    except UnicodeDecodeError:
        raise _not_utf8() from None
    except RecursionError:
        raise _too_deep(form) from None


def _not_json(form: BodyForm, given: str) -> MalformedBody:
    return MalformedBody("the body is not JSON", expected=form.sentence, given=given)


def _too_deep(form: BodyForm) -> MalformedBody:
    return MalformedBody("the body is nested too deeply", expected=form.sentence)


def _not_utf8() -> MalformedBody:
    return MalformedBody("the body is not JSON", expected="UTF-8 text", given="bytes that are not UTF-8")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)  # beyond every range, and infinite


def _refuse_constant(constant: str) -> NoReturn:
    raise _NotANumber(constant)


def _fault_of_document(document: object, form: BodyForm, fault_of: FaultOf) -> InvalidInput | None:
    if not isinstance(document, dict):
        return wrong_shape(form, _kind_in(form, document))
    if unknown := [str(name) for name in document if name not in (form.one, form.also, form.many, "user")]:
        return InvalidInput(f"unknown field {quote(unknown[0], 32)}", expected=form.sentence)
    if not isinstance(user := document.get("user"), str | None):
        return InvalidInput("'user' has the wrong type", expected="a string", given=kind_of(user))
    named = [name for name in (form.one, form.also, form.many) if name and document.get(name) is not None]
    if len(named) != 1:
        given = " and ".join(f"'{name}'" for name in named) if form.also in named else "both" if named else "neither"
        return InvalidInput(f"give either '{form.one}' or '{form.many}'", expected=form.sentence, given=given)
    if named == [form.many]:
        return _fault_of_rows(document, form, fault_of)
    return fault_of(document[named[0]], None)


def _fault_of_rows(document: dict[str, object], form: BodyForm, fault_of: FaultOf) -> InvalidInput | None:
    rows = document[form.many]
    if not isinstance(rows, list):
        return InvalidInput(
            f"'{form.many}' has the wrong type", expected="an array of rows", given=_kind_in(form, rows)
        )
    faults = (fault_of(row, index) for index, row in enumerate(rows))
    return next((fault for fault in faults if fault is not None), None)
