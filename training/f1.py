"""F1 of classes and of spans, with the ends of a 95 % interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np

from training.statistics import Proportion

BOOTSTRAP = "percentile bootstrap of 1 000 draws, 95 %"
_DRAWS = 1000


class Counts(Counter[str]):
    """Counts of one row by name, such as what was found and is right; counts of rows add up."""


def f1_of_class(label: Hashable, truth: Sequence[Hashable], guesses: Sequence[Hashable]) -> Proportion:
    """F1 of one class."""
    return _estimate([_counts([label], *pair) for pair in zip(truth, guesses, strict=True)], _mean_f1([label]))


def macro_f1(labels: Sequence[Hashable], truth: Sequence[Hashable], guesses: Sequence[Hashable]) -> Proportion:
    """The mean of F1 over the classes."""
    return _estimate([_counts(labels, *pair) for pair in zip(truth, guesses, strict=True)], _mean_f1(labels))


def span_f1(truth: Sequence[Iterable[Hashable]], guesses: Sequence[Iterable[Hashable]]) -> Proportion:
    """F1 of spans that are right only as a whole: where they begin and end, and their kind. The rows are texts."""
    rows = []
    for right, guess in zip(truth, guesses, strict=True):
        expected, found = set(right), set(guess)
        rows.append(_named("span", len(expected & found), len(found), len(expected)))
    return _estimate(rows, _mean_f1(["span"]))


def _counts(labels: Sequence[Hashable], right: Hashable, guess: Hashable) -> Counts:
    made = Counts()
    for label in labels:
        made.update(_named(label, int(right == guess == label), int(guess == label), int(right == label)))
    return made


def _named(label: Hashable, hits: int, found: int, expected: int) -> Counts:
    return Counts({f"{label} hits": hits, f"{label} found": found, f"{label} expected": expected})


def _mean_f1(labels: Sequence[Hashable]) -> Callable[[dict[str, float]], float]:
    def mean(sums: dict[str, float]) -> float:
        scores = [
            2 * sums[f"{label} hits"] / max(1, sums[f"{label} found"] + sums[f"{label} expected"]) for label in labels
        ]
        return float(np.mean(scores))

    return mean


def _estimate(rows: Sequence[Counts], figure: Callable[[dict[str, float]], float]) -> Proportion:
    """The figure of all rows, and where it lies for rows that are drawn from them with replacement."""
    names = sorted({name for row in rows for name in row})
    table = np.array([[row[name] for name in names] for row in rows], np.float64)
    rng = np.random.default_rng(0)

    def of(sums: Sequence[float]) -> float:
        return figure(dict(zip(names, sums, strict=True)))

    drawn = [of(table[rng.integers(0, len(rows), len(rows))].sum(0).tolist()) for _ in range(_DRAWS)]
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return Proportion(of(table.sum(0).tolist()), low, high, len(rows), BOOTSTRAP)
