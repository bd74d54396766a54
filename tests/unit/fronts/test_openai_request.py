"""What a body in OpenAI's form says, and what is wrong with one that says nothing."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import ClientError, InvalidInput, MalformedBody
from plimsoll.fronts.openai_request import EmbeddingsRequest, model_named, parsed


def request(texts: list[str], encoding: Any = "float", *, single: bool, **further: Any) -> EmbeddingsRequest:
    return EmbeddingsRequest(texts, single, encoding, further.get("dimensions"), further.get("user"))


def body(**fields: Any) -> bytes:
    return orjson.dumps({"model": "minilm", "input": "a", **fields})


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (body(), {"name": "minilm"}),
        (body(model="minilm:2"), {"name": "minilm", "version": "2"}),
        (b' {"input": [[[1]]], "model" : "a" } ', {"name": "a"}),
        (b'{"model": "a", "model": "b"}', {"name": "b"}),
    ],
)
def test_the_model_is_found_whatever_else_the_body_holds(content: bytes, named: dict[str, str]) -> None:
    assert model_named(content) == named


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (body(), request(["a"], single=True)),
        (body(input=["a", "é"]), request(["a", "é"], single=False)),
        (body(encoding_format="base64", user="ann"), request(["a"], "base64", single=True, user="ann")),
        (body(dimensions=384), request(["a"], single=True, dimensions=384)),
        (body(dimensions=None, user=None, encoding_format=None), request(["a"], single=True)),
        (body(input=["a,b,c" * 1000]), request(["a,b,c" * 1000], single=False)),
    ],
)
def test_a_body_is_read(content: bytes, expected: EmbeddingsRequest) -> None:
    assert parsed(content) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b" ", "the body is empty"),
        (b"{", "the body is not JSON"),
        (b"[]", "the body has the wrong shape"),
        (b'\xef\xbb\xbf{"model": "a"}', "the body is not JSON"),
        (b"[" * 3000, "nested too deeply"),
        (b'{"input": "a"}', "the body names no model"),
        (body(model=None), "the body names no model"),
        (body(model=3), "'model' has the wrong type"),
        (body(model="a" * 300), "the name of the model is too long"),
        (b'{"model": "\xff"}', "'model' holds what no text can hold"),
    ],
)
def test_a_body_that_names_no_model_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ClientError, match=words):
        model_named(content)


@pytest.mark.parametrize(
    ("content", "words", "index"),
    [
        (b'{"model": "a"}', "the body has no 'input'", None),
        (body(input=None), "the body has no 'input'", None),
        (body(input={"a": 1}), "'input' has the wrong type", None),
        (body(input=[1, 2]), "'input' holds ids of tokens", None),
        (body(input=[[1], [2]]), "'input' holds ids of tokens", None),
        (body(input=["a", 1]), "element 1 of 'input' has the wrong type", 1),
        (body(input=["a", None]), "element 1 of 'input' has the wrong type", 1),
        (body(input=[]), "the number of texts is out of range", None),
        (body(input=["a"] * 101), "the number of texts is out of range", None),
        (body(input=["a"] * 100_000), "the number of texts is out of range", None),
        (b'{"model": "a", "input": ["\xff"]}', "'input' holds what no text can hold", None),
        (b'{"model": "a", "input": "\\ud83d"}', "the body holds what no text can hold", None),
        (b'{"model": "a", "input": "\\ude00"}', "the body holds what no text can hold", None),
        (body(encoding_format="hex"), "unknown encoding_format 'hex'", None),
        (body(encoding_format=1), "'encoding_format' has the wrong type", None),
        (body(dimensions=-1), "'dimensions' is not a whole number", None),
        (body(dimensions="384"), "'dimensions' is not a whole number", None),
        (body(user=7), "'user' has the wrong type", None),
        (body(truncate=True), "unknown field 'truncate'", None),
        (
            b"{" + b",".join(b'"%d":1' % number for number in range(100_001)) + b"}",
            "the body has too many fields",
            None,
        ),
    ],
)
def test_a_body_that_cannot_be_answered_is_refused(content: bytes, words: str, index: int | None) -> None:
    with pytest.raises(ClientError, match=words) as raised:
        parsed(content)
    assert raised.value.index == index
    assert raised.value.expected


def test_whole_characters_in_escapes_are_read() -> None:
    assert parsed(b'{"model": "a", "input": "\\ud83d\\ude00"}').texts == ["😀"]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(("model", "input", "encoding_format", "dimensions", "user", "x")), _VALUES))
def test_any_json_is_read_or_refused_as_the_fault_of_its_client(fields: dict[str, Any]) -> None:
    for read in (model_named, parsed):
        with contextlib.suppress(InvalidInput, MalformedBody):
            read(orjson.dumps(fields))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_as_the_fault_of_its_client(content: bytes) -> None:
    for read in (model_named, parsed):
        with contextlib.suppress(InvalidInput, MalformedBody):
            read(b'{"model":"a","input":' + content)
