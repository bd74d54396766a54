from __future__ import annotations

import numpy as np
import pytest
from plimsoll.tasks.entity_spans import Span, kinds_of, spans_of
from plimsoll.tasks.text_tokens import TextTokens

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def spans(text: str, *chosen: str) -> list[tuple[str, str]]:
    """The kind and the text of each entity, where each word of a text, parted at blanks, has a label."""
    offsets, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        offsets.append((at, at + len(word)))
        at += len(word)
    tokens = TextTokens([7] * len(offsets), [0] * len(offsets), 0, offsets, list(range(len(offsets))))
    scores = np.array([[float(label == name) for name in LABELS] for label in chosen])
    return [(each.kind, text[each.start : each.end]) for each in spans_of(text, tokens, scores, LABELS)]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("O O O O", []),
        ("B-PER I-PER O B-LOC", [("PER", "Ada King"), ("LOC", "Paris")]),
        ("B-PER B-PER O O", [("PER", "Ada"), ("PER", "King")]),
        ("I-PER I-PER O O", [("PER", "Ada King")]),
        ("B-PER I-LOC O O", [("PER", "Ada"), ("LOC", "King")]),
        ("B-PER O I-PER O", [("PER", "Ada"), ("PER", "in")]),
        ("O B-LOC I-LOC I-LOC", [("LOC", "King in Paris")]),
    ],
)
def test_labels_of_words_become_entities(labels: str, expected: list[tuple[str, str]]) -> None:
    assert spans("Ada King in Paris", *labels.split()) == expected


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
    assert kinds_of(LABELS) == ["PER", "LOC"]
