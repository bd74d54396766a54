"""Compares the answers of two models on the same rows, with each other and with the right ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.golden import all_finite
from plimsoll.bundle.manifest import Golden
from plimsoll.inference.payloads import Classes, Tensors
from plimsoll.judge.intervals import most_lost, wilson
from plimsoll.runtime.loaded_model import LoadedModel

_Z_ABOVE = 1.644854


class Figure(NamedTuple):
    """A value with the ends of its interval of 95 %."""

    value: float
    low: float
    high: float


class Loss(NamedTuple):
    """The loss of a model against another on the same rows: as counted, and at most with 95 % confidence.

    A loss of accuracy is a share of all rows; that of a mean error is its growth as a share of the other's.
    """

    value: float
    most: float


class Truth(Protocol):
    """The right answers of the rows."""

    @property
    def measure(self) -> str:
        """The name of the figure, such as `accuracy`."""
        ...

    @property
    def lost(self) -> str:
        """The sentence about a loss; `{}` stands for its size."""
        ...

    def figure(self, outputs: Tensors) -> Figure:
        """The quality of some answers."""
        ...

    def loss(self, before: Tensors, after: Tensors) -> Loss:
        """The quality that is lost between two answers to the same rows."""
        ...

    def fault(self, before: Tensors) -> str:
        """The reason for which no loss can be judged by the present model; empty if there is none."""
        ...


class RightClasses:
    """Implements `Truth`: `right` holds the position of each row's label."""

    measure = "accuracy"
    lost = "it loses {} of accuracy"

    def __init__(self, classes: Classes, right: NDArray[np.intp]) -> None:
        self._classes = classes
        self._right = right

    def figure(self, outputs: Tensors) -> Figure:
        """The share of rows that are right."""
        return _share(self._hits(outputs))

    def loss(self, before: Tensors, after: Tensors) -> Loss:
        """The share of rows that only the first answers have right, less that which only the second have right."""
        first, second = self._hits(before), self._hits(after)
        lost, won = int((first & ~second).sum()), int((second & ~first).sum())
        return Loss((lost - won) / len(first), most_lost(lost, won, len(first)))

    def fault(self, before: Tensors) -> str:
        """A model that is not surely better than the most frequent class has not learned these labels."""
        found, guess = self.figure(before), float(np.bincount(self._right).max()) / len(self._right)
        if found.low > guess:
            return ""
        return (
            f"the present bundle is right on {found.value:.1%} of the rows (95 % interval {found.low:.1%} to "
            f"{found.high:.1%}), and the most frequent class alone is {guess:.1%} of them, so a loss of accuracy means "
            "nothing here"
        )

    def _hits(self, outputs: Tensors) -> NDArray[np.bool_]:
        hits: NDArray[np.bool_] = self._classes.chosen(outputs[self._classes.output]) == self._right
        return hits


class RightNumbers:
    """Implements `Truth`: `targets` are the right numbers, [rows, targets], in the order of `outputs`."""

    measure = "mean absolute error"
    lost = "its mean absolute error grows by {}"

    def __init__(self, outputs: list[str], targets: NDArray[np.float64]) -> None:
        self._outputs = outputs
        self._targets = targets

    def figure(self, outputs: Tensors) -> Figure:
        """The mean of the absolute errors."""
        errors = self._errors(outputs)
        half = 1.959964 * _deviation_of_mean(errors)
        return Figure(float(errors.mean()), float(errors.mean() - half), float(errors.mean() + half))

    def loss(self, before: Tensors, after: Tensors) -> Loss:
        """The growth of the mean error, as a share of the first one's."""
        first = self._errors(before)
        more, scale = self._errors(after) - first, float(first.mean())
        if not scale:
            grown = math.inf if more.any() else 0.0
            return Loss(grown, grown)
        return Loss(float(more.mean()) / scale, (float(more.mean()) + _Z_ABOVE * _deviation_of_mean(more)) / scale)

    def fault(self, before: Tensors) -> str:
        """A model that is no better than the mean of the targets has not learned them."""
        error, guess = float(self._errors(before).mean()), float(np.abs(self._targets - self._targets.mean(0)).mean())
        if error < guess:
            return ""
        return (
            f"the mean absolute error of the present bundle is {error:.3g}, and that of the mean of the targets is "
            f"{guess:.3g}, so a loss means nothing here"
        )

    def _errors(self, outputs: Tensors) -> NDArray[np.float64]:
        given = [outputs[name].reshape(len(self._targets), -1).astype(np.float64) for name in self._outputs]
        errors: NDArray[np.float64] = np.abs(np.concatenate(given, axis=1) - self._targets).mean(axis=1)
        return errors


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Rows of every input, and perhaps the right answers; `classes` are those that the task answers, if it has any."""

    inputs: Tensors
    truth: Truth | None = None
    classes: Classes | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.inputs.values())))

    def answers(self, model: LoadedModel, batch_rows: int) -> dict[str, NDArray[Any]]:
        """The outputs of a model for every row, in batches of so many."""
        parts = [
            model.run({name: tensor[start : start + batch_rows].copy() for name, tensor in self.inputs.items()})
            for start in range(0, self.rows, batch_rows)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def agreement(self, before: Tensors, after: Tensors, tolerance: Golden) -> Figure:
        """The share of rows that are answered alike: with the same class, or within the golden tolerance."""
        if self.classes is not None:
            name = self.classes.output
            return _share(self.classes.chosen(before[name]) == self.classes.chosen(after[name]))
        return _share(_rows_within(before, after, tolerance))


class Comparison(NamedTuple):
    """The answers of a model against those of the present bundle, on the rows of an evaluation.

    `difference` is the largest of any number, and `within` whether every number lies within the golden tolerance.
    """

    agreement: Figure
    difference: float
    within: bool
    quality: Figure | None
    loss: Loss | None


def compare(evaluation: Evaluation, before: Tensors, after: Tensors, tolerance: Golden) -> Comparison:
    """Compare the answers of a model with those of the present one."""
    truth = evaluation.truth
    return Comparison(
        evaluation.agreement(before, after, tolerance),
        largest_difference(before, after),
        bool(_rows_within(before, after, tolerance).all()),
        None if truth is None else truth.figure(after),
        None if truth is None else truth.loss(before, after),
    )


def largest_difference(before: Tensors, after: Tensors) -> float:
    """The largest difference of any two numbers; infinite if one is not finite, or where shapes differ."""
    if any(after[name].shape != tensor.shape or not all_finite(after[name]) for name, tensor in before.items()):
        return math.inf
    return max(
        float(np.abs(after[name].astype(np.float64) - tensor.astype(np.float64)).max(initial=0.0))
        for name, tensor in before.items()
    )


def _rows_within(before: Tensors, after: Tensors, tolerance: Golden) -> NDArray[np.bool_]:
    rows = len(next(iter(before.values())))
    within = np.ones(rows, np.bool_)
    for name, tensor in before.items():
        exact = tensor.astype(np.float64)
        allowed = tolerance.absolute_tolerance + tolerance.relative_tolerance * np.abs(exact)
        close = np.abs(after[name].astype(np.float64) - exact) <= allowed
        within &= close.reshape(rows, -1).all(axis=1)
    return within


def _share(hits: NDArray[np.bool_]) -> Figure:
    share = float(hits.mean())
    return Figure(share, *wilson(share, len(hits)))


def _deviation_of_mean(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values))
