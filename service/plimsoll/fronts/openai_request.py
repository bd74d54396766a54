"""The body of a request for embeddings in OpenAI's form; nothing but its texts is made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from plimsoll.errors import ClientError, InvalidInput, MalformedBody
from plimsoll.quoting import quote
from plimsoll.tasks.json_faults import BodyForm, syntax_fault
from plimsoll.tasks.json_values import holds_more
from plimsoll.tasks.number_rows import MAX_ROWS

FIELDS = ("model", "input", "encoding_format", "dimensions", "user")
FORM = BodyForm('an object {"model": "NAME", "input": a text or an array of texts}', "input", "input")
_MOST_FIELDS = 100_000
"""Counted by the colons outside of texts; each field of the outermost object becomes two Python objects."""
LONGEST_NAME = 256
_TEXTS = f"a text, or an array of 1 to {MAX_ROWS} texts"
_AT = re.compile(r"`\$\[(\d+)\]`")
_TOKENS = tuple(b"%c" % each for each in b"-0123456789[")
"""Ids of tokens, or arrays of them, begin with one of these."""
_HALF = re.compile(rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")
"""Half of a surrogate pair, as JSON escapes it."""
_BLANKS = b" \t\n\r"
_NULL = b"null"


class _Named(msgspec.Struct):
    model: msgspec.Raw = msgspec.Raw(_NULL)


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_named = msgspec.json.Decoder(_Named)
_texts = msgspec.json.Decoder(list[str])


class EmbeddingsRequest(NamedTuple):
    """The texts of a request, which is `single` if it gave one text and no array, and how the answer is written."""

    texts: list[str]
    single: bool
    encoding: Literal["float", "base64"]
    dimensions: int | None
    user: str | None


def model_named(body: bytes) -> dict[str, str]:
    """The `name` and, if it is given, the `version` of the model in a body, which says `NAME` or `NAME:VERSION`.

    Raises:
        MalformedBody: the body is empty or not JSON.
        InvalidInput: the body names no model.
    """
    try:
        raw = bytes(_named.decode(body).model)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _fault_of(body) from None
    if raw == _NULL:
        raise InvalidInput("the body names no model", expected=FORM.sentence)
    name, colon, version = _text("model", raw).partition(":")
    if len(name) + len(version) > LONGEST_NAME:
        raise InvalidInput("the name of the model is too long", expected=f"at most {LONGEST_NAME} characters")
    return {"name": name, "version": version} if colon else {"name": name}


def parsed(body: bytes) -> EmbeddingsRequest:
    """The request in a body.

    Raises:
        MalformedBody: the body is empty or not JSON.
        InvalidInput: a field is missing, unknown or of the wrong type, or there are too many texts.
    """
    if holds_more(body, b":", _MOST_FIELDS):
        raise InvalidInput("the body has too many fields", expected=FORM.sentence)
    try:
        fields = {name: bytes(raw) for name, raw in _fields.decode(body).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _fault_of(body) from None
    if unknown := [name for name in fields if name not in FIELDS]:
        raise InvalidInput(f"unknown field {quote(unknown[0], 32)}", expected=f"the fields {', '.join(FIELDS)}")
    given = {name: raw for name, raw in fields.items() if raw != _NULL}
    if "input" not in given:
        raise InvalidInput("the body has no 'input'", expected=FORM.sentence)
    single = given["input"].startswith(b'"')
    texts = [_text("input", given["input"])] if single else _several(given["input"])
    return EmbeddingsRequest(texts, single, _encoding(given), _dimensions(given), _user(given))


def _several(raw: bytes) -> list[str]:
    """The texts of an array."""
    if not raw.startswith(b"["):
        raise InvalidInput("'input' has the wrong type", expected=_TEXTS)
    if raw[1:].lstrip(_BLANKS).startswith(_TOKENS):
        raise InvalidInput(
            "'input' holds ids of tokens, and the ids of another tokenizer would mean other words here",
            expected=f"{_TEXTS}; in LangChain set check_embedding_ctx_length=False",
        )
    if holds_more(raw, b",", 2 * MAX_ROWS):
        raise _out_of_range("more")
    try:
        texts = _texts.decode(raw)
    except msgspec.ValidationError as error:
        index = int(found[1]) if (found := _AT.search(str(error))) else None
        where = "'input'" if index is None else f"element {index} of 'input'"
        raise InvalidInput(f"{where} has the wrong type", expected="a text", index=index) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unreadable("'input'") from None
    if not 1 <= len(texts) <= MAX_ROWS:
        raise _out_of_range(str(len(texts)))
    return texts


def _encoding(given: Mapping[str, bytes]) -> Literal["float", "base64"]:
    asked = _text("encoding_format", given.get("encoding_format", b'"float"'))
    if asked == "base64":
        return "base64"
    if asked == "float":
        return "float"
    raise InvalidInput(f"unknown encoding_format {quote(asked, 32)}", expected="float or base64")


def _dimensions(given: Mapping[str, bytes]) -> int | None:
    if "dimensions" not in given:
        return None
    raw = given["dimensions"]
    if not raw.isdigit() or len(raw) > len(str(1 << 20)):
        raise InvalidInput("'dimensions' is not a whole number above 0", expected="the length of the model's vectors")
    return int(raw)


def _user(given: Mapping[str, bytes]) -> str | None:
    return _text("user", given["user"]) if "user" in given else None


def _text(field: str, raw: bytes) -> str:
    """The text of a field."""
    try:
        found: Any = msgspec.json.decode(raw) if raw.startswith(b'"') else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unreadable(f"'{field}'") from None
    if found is None:
        raise InvalidInput(f"'{field}' has the wrong type", expected=_TEXTS if field == "input" else "a text")
    return str(found)


def _out_of_range(given: str) -> InvalidInput:
    expected = f"1 to {MAX_ROWS} texts; send the others in further requests"
    return InvalidInput("the number of texts is out of range", expected=expected, given=given)


def _unreadable(where: str) -> MalformedBody:
    return MalformedBody(
        f"{where} holds what no text can hold", expected="UTF-8, and no half of a character",
        given="bytes that are not UTF-8, or half of a surrogate pair",
    )  # fmt: skip


def _fault_of(body: bytes) -> ClientError:
    """The error for a body that is not a JSON object."""
    if not body.strip(_BLANKS):
        return MalformedBody("the body is empty", code="empty_body", expected=FORM.sentence)
    if _HALF.search(body):
        return _unreadable("the body")
    return syntax_fault(body, FORM) or InvalidInput("the body has the wrong shape", expected=FORM.sentence)
