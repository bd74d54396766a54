"""Searches: scores, filters, and the same answers from both databases."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from tests.semantic_search.letters_model import DIMENSIONS, MODEL, vectors
from tests.semantic_search.postgres_process import PostgresProcess
from tests.semantic_search.search_process import SearchProcess

WORDS = [
    "river", "lake", "sea", "coast", "mountain", "desert", "forest", "city", "road", "port", "ship", "train", "plane",
    "coal", "iron", "oil", "wheat", "rice",
]  # fmt: skip


def drawn(count: int) -> list[dict[str, Any]]:
    """Documents of drawn words; the order of the words makes no difference to their embeddings, so some are equal."""
    draw = random.Random(11)  # noqa: S311  # no secret
    return [
        {
            "id": f"drawn-{number:03}",
            "text": " ".join(draw.choices(WORDS, k=draw.randint(3, 12))),
            "metadata": {"set": "drawn", "region": draw.choice(["north", "south", "east"]), "year": number % 5},
        }
        for number in range(count)
    ]


def test_scores_are_the_cosines_of_the_embeddings(search: SearchProcess) -> None:
    texts = ["river and lake", "lake", "the desert is dry"]
    search.add(*({"text": each, "metadata": {"test": "cosines"}} for each in texts))
    found = search.search("a river", filter={"test": "cosines"})
    scores = vectors(texts) @ vectors(["a river"])[0]
    order = np.argsort(-scores)
    assert [each["text"] for each in found] == [texts[at] for at in order]
    assert [each["score"] for each in found] == pytest.approx(scores[order].tolist(), abs=1e-5)


def test_both_databases_give_the_same_answers(on_sqlite: SearchProcess, on_postgres: SearchProcess) -> None:
    documents = drawn(300)
    for process in (on_sqlite, on_postgres):
        for start in range(0, len(documents), 100):
            process.add(*documents[start : start + 100])
    compared = 0
    for query in ("coal and iron", "a ship in the port", "wheat rice", "mountain"):
        for filters in ({}, {"region": "north"}, {"region": ["south", "east"], "year": [1, 2.0]}, {"year": 9}):
            asked = {"k": 20, "filter": {"set": "drawn", **filters}}
            ours, theirs = (process.search(query, **asked) for process in (on_sqlite, on_postgres))
            assert [each["score"] for each in ours] == pytest.approx([each["score"] for each in theirs], abs=1e-5)
            # Of the results with the lowest score the limit may have cut off others as good.
            above = ours[-1]["score"] + 1e-4 if ours else 0
            first, second = ({each["id"] for each in found if each["score"] > above} for found in (ours, theirs))
            assert first == second
            compared += len(first)
        # Without a filter Postgres uses its index, and other tests have added other documents to each database.
        ours, theirs = (process.search(query, k=100) for process in (on_sqlite, on_postgres))
        first_scores, second_scores = (
            [each["score"] for each in found if each["id"].startswith("drawn-")][:20] for found in (ours, theirs)
        )
        assert first_scores == pytest.approx(second_scores, abs=1e-5)
        compared += len(first_scores)
    assert compared >= 250


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"flag": True}, {"yes"}),
        ({"flag": 1}, {"one"}),
        ({"flag": 1.0}, {"one"}),
        ({"flag": "1"}, {"text"}),
        ({"flag": [True, "1"]}, {"yes", "text"}),
        ({"flag": False}, set()),
        ({"other": True}, set()),
        ({"it's": 'a "quote" \\ %'}, {"one"}),
    ],
)
def test_a_filter_compares_values_of_one_kind(
    search: SearchProcess, filters: dict[str, Any], expected: set[str]
) -> None:
    kinds: dict[str, Any] = {"yes": True, "one": 1, "text": "1"}
    further = {"it's": 'a "quote" \\ %'}
    search.add(
        *(
            {
                "id": name,
                "text": "kinds",
                "metadata": {"test": "kinds", "flag": value, **(further if name == "one" else {})},
            }
            for name, value in kinds.items()
        )
    )
    assert {each["id"] for each in search.search("kinds", filter={"test": "kinds", **filters})} == expected


def test_a_search_finds_at_most_k(search: SearchProcess) -> None:
    search.add(*({"text": f"harbour {number}", "metadata": {"test": "k"}} for number in range(5)))
    assert [len(search.search("harbour", k=k, filter={"test": "k"})) for k in (1, 3, 100)] == [1, 3, 5]


def test_a_search_without_a_filter_finds_the_best_of_all(search: SearchProcess) -> None:
    search.add({"id": "single", "text": "xylophone quartet zephyr"})
    found = search.search("xylophone quartet zephyr", k=3)
    assert (found[0]["id"], found[0]["score"]) == ("single", pytest.approx(1, abs=1e-5))
    assert [each["score"] for each in found] == sorted((each["score"] for each in found), reverse=True)


def test_a_search_in_an_empty_collection_finds_nothing(postgres: PostgresProcess, on_postgres: SearchProcess) -> None:
    assert on_postgres.search("harbour", filter={"test": "nothing"}) == []
    assert on_postgres.client.get("/collection").json()["model"] == MODEL
    asked = "SELECT model, model_version, dimensions FROM collection"
    assert postgres.psql("shared", asked).strip() == f"{MODEL}|1|{DIMENSIONS}"


def test_postgres_can_use_its_index(postgres: PostgresProcess, on_postgres: SearchProcess) -> None:
    on_postgres.add({"text": "indexed"})
    query = f"'{[1.0] * DIMENSIONS}'"
    ordered = "EXPLAIN SELECT number FROM documents ORDER BY"
    plan = postgres.psql("shared", f"{ordered} embedding <=> {query} LIMIT 5")
    assert "documents_by_embedding" in plan
    exact = postgres.psql("shared", f"{ordered} (embedding <=> {query}) + 0 LIMIT 5")
    assert "documents_by_embedding" not in exact
