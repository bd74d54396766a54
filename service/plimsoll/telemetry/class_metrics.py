"""Counts the predictions that versions have answered, by class."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.inference.payloads import Classes, Scores

if TYPE_CHECKING:
    from plimsoll.telemetry.metric_catalog import MetricCatalog, MetricMaker


class ClassMetrics:
    """The metric of the answered classes."""

    def __init__(self, make: MetricMaker) -> None:
        self.predictions = make.counter(
            "plimsoll_predictions",
            "Answered rows by class, of versions with the task tabular-classification and at most 50 labels.",
            "model", "version", "class",
        )  # fmt: skip


class ClassCounts:
    """Counts the classes of many answers together, whenever the queued observations are counted.

    One argmax over a hundred answers costs little more than one over a single answer. A row with a score that is not a
    number has no class, and is not counted.
    """

    def __init__(self, catalog: MetricCatalog) -> None:
        self._predictions = catalog.classes.predictions
        self._waiting: deque[tuple[str, str, Scores]] = deque()
        catalog.observations.count_too(self.count)

    def begin(self, model: str, version: str, classes: Classes) -> None:
        """Start the series of each class at zero."""
        for label in classes.labels:
            self._predictions.labels(model, version, str(label))

    def add(self, model: str, version: str, scores: Scores) -> None:
        """Keep the scores of an answer until the next `count`. May be called on any thread."""
        self._waiting.append((model, version, scores))

    def count(self) -> None:
        """Count the classes of all answers that were added. May be called on any thread."""
        answers: dict[tuple[str, str, Classes], list[NDArray[Any]]] = defaultdict(list)
        while True:
            try:
                model, version, scores = self._waiting.popleft()
            except IndexError:  # empty, perhaps because another thread counts too
                break
            answers[model, version, scores.classes].append(scores.values)
        for (model, version, classes), values in answers.items():
            for label, rows in zip(classes.labels, _rows_by_class(classes, np.concatenate(values)), strict=True):
                if rows:
                    self._predictions.labels(model, version, str(label)).inc(rows)


def _rows_by_class(classes: Classes, scores: NDArray[Any]) -> list[int]:
    """The number of rows that answer each label, without those that have a score that is not a number."""
    unordered = np.isnan(scores).reshape(len(scores), -1).any(axis=1)
    rows: list[int] = np.bincount(classes.chosen(scores)[~unordered], minlength=len(classes.labels)).tolist()
    return rows
