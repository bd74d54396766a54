"""Entities in a text, decoded from the scores of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.tasks.text_tokens import TextTokens

OUTSIDE = "O"
"""The label of words that belong to no entity."""
_FIRST = "B-"
_DIGITS = 6
"""Of a confidence; the scores have hardly more."""


class Span(NamedTuple):
    """One entity: its kind, where it begins and ends in the text, in code points, and how sure the model is."""

    kind: str
    start: int
    end: int
    confidence: float


class _Word(NamedTuple):
    label: str
    score: float
    start: int
    end: int


def spans_of(text: str, tokens: TextTokens, scores: NDArray[Any], labels: Sequence[str]) -> list[Span]:
    """The entities of a text, from scores of shape [tokens, labels], in the order of the text.

    The first token of a word decides for the word. `B-KIND` begins an entity; so does `I-KIND` after a word of another
    kind, since a model may leave the first word out.
    """
    spans: list[Span] = []
    entity: list[_Word] = []
    for word in _words(tokens, scores, labels):
        goes_on = bool(entity) and not word.label.startswith(_FIRST) and _kind(word) == _kind(entity[-1])
        if entity and not goes_on:
            spans += _span(text, entity)
            entity = []
        if word.label != OUTSIDE:
            entity.append(word)
    if entity:
        spans += _span(text, entity)
    return spans


def kinds_of(labels: Sequence[str]) -> list[str]:
    """The kinds of entities among the labels, in their order."""
    return list(dict.fromkeys(label[len(_FIRST) :] for label in labels if label != OUTSIDE))


def _words(tokens: TextTokens, scores: NDArray[Any], labels: Sequence[str]) -> list[_Word]:
    best = scores.argmax(axis=1).tolist()
    words: list[_Word] = []
    last: int | None = None
    for at, (number, (start, end)) in enumerate(zip(tokens.words, tokens.offsets, strict=True)):
        if number is None:
            continue
        if number == last:
            words[-1] = words[-1]._replace(end=end)
        else:
            words.append(_Word(labels[best[at]], float(scores[at, best[at]]), start, end))
        last = number
    return words


def _kind(word: _Word) -> str:
    return word.label[len(_FIRST) :]


def _span(text: str, words: Sequence[_Word]) -> list[Span]:
    """The span of some words without the blanks at its ends, which some tokenizers count as parts of a word."""
    start, end = words[0].start, words[-1].end
    part = text[start:end]
    start, end = end - len(part.lstrip()), start + len(part.rstrip())
    confidence = round(float(np.mean([word.score for word in words])), _DIGITS)
    return [Span(_kind(words[0]), start, end, confidence)] if start < end else []
