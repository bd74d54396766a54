from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_rows
from hypothesis import strategies as st
from plimsoll.tasks.entity_spans import EntityLabels, Span, spans_of
from plimsoll.tasks.text_tokens import TextTokens

LABELS = EntityLabels(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


def spans(text: str, *chosen: str) -> list[tuple[str, str]]:
    """The kind and the text of each entity, where each word of a text, parted at blanks, has a label."""
    offsets, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        offsets.append((at, at + len(word)))
        at += len(word)
    tokens = TextTokens([7] * len(offsets), [0] * len(offsets), 0, offsets, list(range(len(offsets))))
    scores = np.array([[float(label == name) for name in LABELS.names] for label in chosen])
    return [(each.kind, text[each.start : each.end]) for each in spans_of(text, tokens, scores, LABELS)]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("O O O O", []),
        ("B-PER I-PER O B-LOC", [("PER", "Ada King"), ("LOC", "Paris")]),
        ("B-PER B-PER O O", [("PER", "Ada"), ("PER", "King")]),
        ("O B-LOC I-LOC I-LOC", [("LOC", "King in Paris")]),
    ],
)
def test_labels_of_words_become_entities(labels: str, expected: list[tuple[str, str]]) -> None:
    assert spans("Ada King in Paris", *labels.split()) == expected


def probabilities(*words: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Of each label in turn, in percent."""
    return np.array([[float(share) / 100 for share in word.split()] for word in words])


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (["10 40 50 0 0", "10 0 90 0 0"], "B-PER I-PER"),  # the first word of an entity begins it
        (["90 5 5 0 0", "40 25 35 0 0"], "O O"),  # nothing goes on that has not begun
        (["45 40 15 0 0", "5 10 85 0 0"], "B-PER I-PER"),  # the second word decides for the first
        (["0 60 0 40 0", "0 0 40 0 60"], "B-PER I-PER"),  # no entity changes its kind; of equal ways the first
        (["0 60 0 40 0", "0 0 30 0 70"], "B-LOC I-LOC"),
    ],
)
def test_the_labels_of_a_text_are_the_most_probable_ones_that_fit_each_other(words: list[str], labels: str) -> None:
    assert [LABELS.names[place] for place in LABELS.best(probabilities(*words))] == labels.split()


def test_a_kind_that_has_no_label_for_first_words_begins_with_further_ones() -> None:
    alone = EntityLabels(["O", "I-PER"])
    assert alone.best(np.array([[0.9, 0.1], [0.2, 0.8]])) == [0, 1]


@given_rows(st.lists(st.lists(st.floats(0.01, 1), min_size=5, max_size=5), min_size=1, max_size=4))
def test_no_other_labels_that_fit_are_more_probable(rows: list[list[float]]) -> None:
    given = np.array(rows) / np.sum(rows, axis=1, keepdims=True)

    def chance(path: Sequence[int]) -> float:
        return float(np.prod([given[at, label] for at, label in enumerate(path)]))

    def fits(path: Sequence[int]) -> bool:
        return all(
            label not in (2, 4) or last in (label, label - 1) for last, label in zip((0, *path), path, strict=False)
        )

    best = LABELS.best(given)
    assert fits(best)
    every = filter(fits, itertools.product(range(5), repeat=len(rows)))
    assert chance(best) == pytest.approx(max(map(chance, every)))


def test_the_first_token_of_a_word_decides_and_added_tokens_count_for_nothing() -> None:
    text = "xAdas"
    tokens = TextTokens([2, 5, 6, 3], [0] * 4, 0, [(0, 0), (1, 4), (4, 5), (0, 0)], [None, 0, 0, None])
    scores = np.array([[0, 0, 0, 1, 0], [0.25, 0.75, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 0]])
    assert spans_of(text, tokens, scores, LABELS) == [Span("PER", 1, 5, 0.75)]


def test_blanks_at_the_ends_of_a_word_are_no_part_of_the_entity() -> None:
    tokens = TextTokens([5, 6], [0] * 2, 0, [(0, 4), (4, 6)], [0, 1])
    scores = np.array([[0, 1.0, 0, 0, 0], [0, 0, 0.5, 0.25, 0.25]])
    assert spans_of(" Ada  ", tokens, scores, LABELS) == [Span("PER", 1, 4, 0.75)]


def test_the_kinds_are_those_of_the_labels() -> None:
    assert LABELS.kinds == ["PER", "LOC"]
