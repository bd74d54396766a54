"""Documents are added, read, listed, replaced and deleted alike in both databases."""

from __future__ import annotations

import pytest

from tests.semantic_search.letters_model import LONGEST, REFUSED
from tests.semantic_search.search_process import SearchProcess


def test_a_document_is_read_as_it_was_added(search: SearchProcess) -> None:
    text = "Ships on the Danube — Schiffe auf der Donau 🚢"
    metadata = {"country": "Hungary", "year": 2015, "share": 0.5, "landlocked": True}
    assert search.add({"id": "danube", "text": text, "metadata": metadata}) == ["danube"]
    reply = search.client.get("/documents/danube")
    assert (reply.status_code, reply.json()) == (200, {"id": "danube", "text": text, "metadata": metadata})


def test_a_document_without_an_id_gets_one(search: SearchProcess) -> None:
    first, second = search.add({"text": "the same"}, {"text": "the same"})
    assert first != second
    assert search.client.get(f"/documents/{second}").json() == {"id": second, "text": "the same", "metadata": {}}


def test_a_document_with_the_id_of_a_stored_one_replaces_it(search: SearchProcess) -> None:
    search.add({"id": "changed", "text": "copper mines", "metadata": {"test": "changed", "old": True}})
    before = search.client.get("/collection").json()["documents"]
    search.add({"id": "changed", "text": "banana farms", "metadata": {"test": "changed"}})
    assert search.client.get("/collection").json()["documents"] == before
    assert search.client.get("/documents/changed").json()["text"] == "banana farms"
    assert search.search("copper mines", filter={"old": True}) == []
    (found,) = search.search("banana farms", filter={"test": "changed"})
    assert (found["id"], found["score"]) == ("changed", pytest.approx(1, abs=1e-6))


def test_a_deleted_document_is_nowhere(search: SearchProcess) -> None:
    search.add({"id": "gone", "text": "soon gone", "metadata": {"test": "gone"}})
    assert len(search.search("soon gone", filter={"test": "gone"})) == 1
    assert search.client.delete("/documents/gone").status_code == 204
    assert search.search("soon gone", filter={"test": "gone"}) == []
    for reply in (search.client.get("/documents/gone"), search.client.delete("/documents/gone")):
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


def test_documents_are_listed_in_pages_in_the_order_in_which_they_came(search: SearchProcess) -> None:
    ids = [f"page-{number}" for number in range(7)]
    search.add(*({"id": each, "text": "listed", "metadata": {"test": "pages"}} for each in ids))
    found: list[str] = []
    options = {"limit": "3", "filter": '{"test": "pages"}'}
    for number in range(3):
        page = search.client.get("/documents", params=options).json()
        found += [each["id"] for each in page["documents"]]
        assert (page["next"] is None) == (number == 2)
        options["after"] = str(page["next"])
    assert found == ids


def test_documents_are_added_all_or_none(search: SearchProcess) -> None:
    body = {"documents": [{"id": "half-1", "text": "fine"}, {"id": "half-2", "text": REFUSED}]}
    reply = search.client.post("/documents", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "invalid_input")
    assert "the model letters refuses a text" in reply.json()["error"]["message"]
    assert search.client.get("/documents/half-1").status_code == 404


def test_an_answer_says_how_much_of_a_text_the_model_has_not_read(on_sqlite: SearchProcess) -> None:
    documents = [{"text": "a" * length} for length in (10, LONGEST, LONGEST + 36)]
    reply = on_sqlite.client.post("/documents", json={"documents": documents})
    assert reply.json()["tokens_cut"] == [0, 0, 36]
