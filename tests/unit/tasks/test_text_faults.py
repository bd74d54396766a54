from __future__ import annotations

import json
import sys

import pytest
from plimsoll.errors import ClientError
from plimsoll.tasks.text_faults import LONGEST_TEXT, MOST_CHARACTERS, explain, explain_surplus, fault_of_texts, not_utf8

DIARY = "Dear diary, "


def facts(error: ClientError | None) -> tuple[str, str | None, str | None, int | None]:
    assert error is not None
    return error.message, error.expected, error.given, error.index


@pytest.mark.parametrize(
    ("body", "message", "given"),
    [
        (b'{"text": 5}', "the text has the wrong type", "a number"),
        (b'{"text": ["x"]}', "the text has the wrong type", "an array"),
        (b'{"instances": "x"}', "'instances' has the wrong type", "a string"),
        (b'"x"', "the body has the wrong shape", "a string"),
        (b'{"instances": ["x", null]}', "text 1 has the wrong type", "null"),
        (b'{"text": "x", "instances": ["x"]}', "give either 'text' or 'instances'", "both"),
        (b'{"txt": "x"}', "unknown field 'txt'", None),
        (b'{"text": ""}', "the text is empty", None),
        (b'{"instances": ["x", ""]}', "text 1 is empty", None),
        (b'{"text": "a\\ud800b"}', "the text holds half a character", "one surrogate alone at character 1"),
        (b'{"text": "\\udc00\\ud800"}', "the text holds half a character", "one surrogate alone at character 0"),
        (b'["x"]', "the body has the wrong shape", "an array"),
        (b'{"text": "x"', "the body is not JSON", "expecting ',' delimiter at character 12 of 12"),
        (b'{"text": "\xff"}', "the body is not JSON", "bytes that are not UTF-8"),
    ],
)
def test_each_wrong_body_has_a_sentence(body: bytes, message: str, given: str | None) -> None:
    error = explain(body)
    assert (error.message, error.given) == (message, given)


def test_the_sentences_name_the_text_by_its_index_and_repeat_none_of_it() -> None:
    long = DIARY * (LONGEST_TEXT // len(DIARY) + 1)
    faults = [
        explain(json.dumps({"instances": ["x", DIARY + "\ud800"]}).encode()),
        explain(json.dumps({"instances": ["x", long]}).encode()),
        fault_of_texts(["x", long], single=False),
        fault_of_texts(["x", ""], single=False),
        not_utf8("text", 1),
    ]
    for each in faults:
        assert each is not None
        assert each.index == 1
        assert DIARY not in f"{each.message} {each.expected} {each.given}"


def test_a_text_or_all_texts_together_may_be_too_long() -> None:
    texts = ["x" * LONGEST_TEXT] * (MOST_CHARACTERS // LONGEST_TEXT)
    assert fault_of_texts(texts, single=False) is None
    assert facts(fault_of_texts([*texts, "é"], single=False)) == (
        "the texts together are too long",
        f"at most {MOST_CHARACTERS} characters in all texts; send parts of it",
        f"{MOST_CHARACTERS + 1} characters",
        None,
    )
    assert facts(fault_of_texts(["x" * 10_000_000], single=True)) == (
        "the text is too long",
        f"at most {LONGEST_TEXT} characters; send parts of it",
        "10000000 characters",
        None,
    )


def test_far_too_many_texts_are_refused_unless_the_body_is_not_even_json() -> None:
    assert explain_surplus(b'{"instances": ["x"]}').message == "the body holds too many texts"
    assert explain_surplus(b'{"instances": [').message == "the body is not JSON"


def test_a_body_that_is_nested_deeply_is_refused() -> None:
    deep = sys.getrecursionlimit() * 100
    assert explain(b'{"text": ' + b"[" * deep + b"]" * deep + b"}").message == "the body is nested too deeply"
