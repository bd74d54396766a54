"""Bad input gets a sentence that says what was expected, and never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.semantic_search.search_process import SearchProcess

DOCUMENT = {"text": "fine"}
BAD_BODIES: list[tuple[str, Any, str]] = [
    ("/documents", {}, "documents: Field required"),
    ("/documents", {"documents": []}, "documents: List should have at least 1 item"),
    ("/documents", {"documents": [DOCUMENT] * 101}, "at most 100 items"),
    ("/documents", {"documents": [DOCUMENT, {"text": " \n"}]}, "documents.1.text: Value error, the text has nothing"),
    ("/documents", {"documents": [{"text": 7}]}, "documents.0.text: Input should be a valid string"),
    ("/documents", {"documents": [{"text": "x" * 10_001}]}, "at most 10000 characters"),
    ("/documents", {"documents": [{"text": "a\0b"}]}, "U+0000"),
    ("/documents", {"documents": [{"text": "fine", "id": "a/b"}]}, "documents.0.id: String should match pattern"),
    ("/documents", {"documents": [{"text": "fine", "id": ""}]}, "documents.0.id: String should have at least 1"),
    ("/documents", {"documents": [{"text": "fine", "colour": "red"}]}, "documents.0.colour: Extra inputs"),
    ("/documents", {"documents": [{"text": "fine", "metadata": {"a": None}}]}, "documents.0.metadata.a"),
    ("/documents", {"documents": [{"text": "fine", "metadata": {"a": 2**60}}]}, "documents.0.metadata.a"),
    ("/documents", {"documents": [{"text": "fine", "metadata": {"": 1}}]}, "documents.0.metadata"),
    ("/documents", {"documents": [{"text": "fine", "id": "a"}, {"text": "fine", "id": "a"}]}, "two documents have the"),
    ("/search", {"query": ""}, "query: Value error, the text has nothing but spaces"),
    ("/search", {"query": "fine", "k": 0}, "k: Input should be greater than or equal to 1"),
    ("/search", {"query": "fine", "k": 101}, "k: Input should be less than or equal to 100"),
    ("/search", {"query": "fine", "k": "3"}, "k: Input should be a valid integer"),
    ("/search", {"query": "fine", "filter": {"a": []}}, "filter.a"),
    ("/search", {"query": "fine", "filter": {"a": {"b": 1}}}, "filter.a"),
    ("/search", ["fine"], "the body: Input should be a valid dictionary or object"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "sentence"), BAD_BODIES, ids=[each[2][:40] for each in BAD_BODIES])
def test_a_wrong_value_is_named(on_sqlite: SearchProcess, path: str, body: object, sentence: str) -> None:
    reply = on_sqlite.client.post(path, json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "invalid_input"), reply.text
    assert sentence in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "invalid_input"),
        (b"{", 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b'{"query": "\\ud800"}', 422, "invalid_input"),
        (b"[" * 100_000, 400, "bad_request"),
        (b'{"query": "' + b"x" * (8 << 20) + b'"}', 413, "too_large"),
    ],
    ids=["empty", "cut off", "not UTF-8", "half a character", "too deep", "too long"],
)
def test_a_body_that_cannot_be_read_is_refused(
    on_sqlite: SearchProcess, content: bytes, status: int, code: str
) -> None:
    reply = on_sqlite.client.post("/search", content=content, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code), reply.text


@pytest.mark.parametrize("options", [{"after": -1}, {"limit": 101}, {"limit": "x"}, {"filter": "{"}, {"filter": "[1]"}])
def test_a_wrong_parameter_is_named(on_sqlite: SearchProcess, options: dict[str, Any]) -> None:
    reply = on_sqlite.client.get("/documents", params=options)
    assert reply.status_code == 422
    assert next(iter(options)) in reply.json()["error"]["message"]


def test_an_unknown_path_and_method_are_refused_in_the_same_form(on_sqlite: SearchProcess) -> None:
    assert on_sqlite.client.get("/nothing").json()["error"]["code"] == "not_found"
    assert on_sqlite.client.put("/search").json()["error"]["code"] == "method_not_allowed"


def test_nothing_of_a_text_is_in_an_error_or_in_the_log(search: SearchProcess) -> None:
    text = "swordfish"
    search.add({"text": text, "metadata": {"note": text}})
    search.search(text)
    assert search.client.get("/documents", params={"filter": f'{{"note": "{text}"}}'}).status_code == 200
    for body in ({"query": text, "k": 0}, {"query": text, "filter": {text: None}}, {"query": [text]}):
        reply = search.client.post("/search", json=body)
        assert reply.status_code == 422
        assert text not in reply.text.replace(f"filter.{text}", "")
    assert text not in search.log()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
SEARCHES = st.fixed_dictionaries({"query": st.text(max_size=20) | JSON}, optional={"k": JSON, "filter": JSON})
DOCUMENTS = st.fixed_dictionaries(
    {"text": st.text(max_size=20) | JSON}, optional={"id": st.text(max_size=5) | JSON, "metadata": JSON}
)


@given(body=JSON | SEARCHES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_search_gets_a_500(search: SearchProcess, body: object) -> None:
    reply = search.client.post("/search", content=json.dumps(body))
    assert reply.status_code in {200, 400, 422}, reply.text


@given(document=DOCUMENTS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_document_gets_a_500(search: SearchProcess, document: object) -> None:
    reply = search.client.post("/documents", content=json.dumps({"documents": [document]}))
    assert reply.status_code in {201, 400, 422}, reply.text
