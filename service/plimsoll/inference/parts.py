"""The parts of a request whose rows differ in length or are too many for one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.ports import Question


class Part(NamedTuple):
    """Some rows of a question, as a question of their own, and their indexes in it."""

    indexes: Sequence[int]
    question: Question


class OpenQuestion(Question, Protocol):
    """A question whose rows have open shapes, so that `shapes` is not empty."""

    def parts(self, limits: BatchLimits) -> Sequence[Part]:
        """The parts that go to the lane one after the other, each within the limits; none if all rows go together."""
        ...


def joined(parts: Sequence[Part], outputs: Sequence[Tensors]) -> Tensors:
    """The outputs of all parts, [rows, ...] by name, in the order of the rows; outputs of shorter rows end with 0."""
    rows = sum(len(part.indexes) for part in parts)
    whole: dict[str, NDArray[Any]] = {}
    for name, first in outputs[0].items():
        sizes = np.max([tensors[name].shape[1:] for tensors in outputs], axis=0, initial=0).astype(int)
        made = whole[name] = np.zeros((rows, *sizes.tolist()), first.dtype)
        for part, tensors in zip(parts, outputs, strict=True):
            found = tensors[name]
            places: tuple[Any, ...] = (list(part.indexes), *map(slice, found.shape[1:]))
            made[places] = found
    return whole
