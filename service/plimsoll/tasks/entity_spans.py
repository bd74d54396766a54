"""Entities in a text, decoded from the probabilities of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.tasks.text_tokens import TextTokens

OUTSIDE = "O"
"""The label of words that belong to no entity."""
_FIRST, _FURTHER = "B-", "I-"
_DIGITS = 6
"""Of a confidence; the probabilities have hardly more."""


class Span(NamedTuple):
    """One entity: its kind, where it begins and ends in the text, in code points, and how sure the model is."""

    kind: str
    start: int
    end: int
    confidence: float


class EntityLabels:
    """The labels of a model: `O`, and for each kind `B-KIND` for the first word of an entity and `I-KIND` for others.

    A kind without `B-KIND` begins with `I-KIND`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        pairs = [
            (place, self.names.index(first))
            for place, name in enumerate(self.names)
            if name.startswith(_FURTHER) and (first := f"{_FIRST}{name[len(_FURTHER) :]}") in self.names
        ]
        self._further = np.array([further for further, _ in pairs], np.intp)
        self._first = np.array([first for _, first in pairs], np.intp)
        self._needs = dict(pairs)

    @property
    def kinds(self) -> list[str]:
        """The kinds of entities, in the order of the labels."""
        return list(dict.fromkeys(name[len(_FIRST) :] for name in self.names if name != OUTSIDE))

    def best(self, probabilities: NDArray[Any]) -> list[int]:
        """The most probable labels of the words, [words, labels], of which `I-KIND` only goes on with its kind."""
        each: list[int] = probabilities.argmax(axis=1).tolist()
        if all(label not in self._needs or last in (label, self._needs[label]) for last, label in _pairs(each)):
            return each  # as for most texts
        logarithms = np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float64).tiny))
        total, ways = logarithms[0].copy(), []
        total[self._further] = -np.inf
        for word in logarithms[1:]:
            way = np.full(len(total), total.argmax())
            way[self._further] = np.where(total[self._first] > total[self._further], self._first, self._further)
            total = total[way] + word
            ways.append(way)
        path = [int(total.argmax())]
        for way in reversed(ways):
            path.append(int(way[path[-1]]))
        return path[::-1]


class _Word(NamedTuple):
    token: int
    start: int
    end: int


def spans_of(text: str, tokens: TextTokens, probabilities: NDArray[Any], labels: EntityLabels) -> list[Span]:
    """The entities of a text, from probabilities of shape [tokens, labels], in the order of the text.

    The first token of a word decides for the word.
    """
    words = _words(tokens)
    if not words:
        return []
    of_words = probabilities[[word.token for word in words]]
    spans: list[Span] = []
    entity: list[int] = []
    path = labels.best(of_words)
    for at, label in enumerate([*path, None]):
        name = OUTSIDE if label is None else labels.names[label]
        if entity and not (name.startswith(_FURTHER) and name[2:] == labels.names[path[entity[-1]]][2:]):
            sure = round(float(np.mean([of_words[place, path[place]] for place in entity])), _DIGITS)
            kind = labels.names[path[entity[0]]][len(_FIRST) :]
            spans += _span(text, kind, words[entity[0]].start, words[entity[-1]].end, sure)
            entity = []
        if name != OUTSIDE:
            entity.append(at)
    return spans


def _pairs(labels: Sequence[int]) -> zip[tuple[int | None, int]]:
    """Each label with the one before it."""
    return zip([None, *labels], labels, strict=False)


def _words(tokens: TextTokens) -> list[_Word]:
    words: list[_Word] = []
    last: int | None = None
    for token, (number, (start, end)) in enumerate(zip(tokens.words, tokens.offsets, strict=True)):
        if number is None:
            continue
        if number == last:
            words[-1] = words[-1]._replace(end=end)
        else:
            words.append(_Word(token, start, end))
        last = number
    return words


def _span(text: str, kind: str, start: int, end: int, confidence: float) -> list[Span]:
    """The span without the blanks at its ends, which some tokenizers count as parts of a word."""
    part = text[start:end]
    start, end = end - len(part.lstrip()), start + len(part.rstrip())
    return [Span(kind, start, end, confidence)] if start < end else []
