"""Proves that the answer to a row does not depend on the rows that share its batch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from plimsoll.bundle.golden import GoldenSamples
from plimsoll.bundle.manifest import Golden
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.answer_difference import difference, words_for
from plimsoll.runtime.companions import Row, companion_rows, golden_rows
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.loaded_model import LoadedModel

_log = logging.getLogger(__name__)
_CHECK = "independence"
_MOST_GOLDEN_ROWS = 4


def check_independence(model: LoadedModel, samples: GoldenSamples, tolerance: Golden, largest_batch: int) -> None:
    """Raise unless golden rows are answered alike alone, in pairs, in another order and in a full batch.

    At most four golden rows, spread evenly over the samples, are compared. Their companions are each other, a row at
    each bound and, for floating-point inputs without bounds, one of 1000 times the golden range. The
    answer to a companion does not matter. If the model raises on a companion, the check skips it, and the log says so.

    Answers may differ by the golden tolerance. Between batches of different sizes they may also differ by 16 roundings
    of the coarsest datatype that the model computes in, relative to the largest number of the row, because sums are
    added up in another order there. Between batches of one size, whose companions differ, they may not.

    Raises:
        BundleError: with check `independence`; the message names the row, the batch and the difference.
    """
    _Proof(model, tolerance).run(samples, largest_batch)


class _Proof:
    def __init__(self, model: LoadedModel, tolerance: Golden) -> None:
        self._model = model
        self._tolerance = tolerance

    def run(self, samples: GoldenSamples, largest_batch: int) -> None:
        golden = golden_rows(samples.inputs, _MOST_GOLDEN_ROWS)
        alone = {row.title: self._answer([row]) for row in golden}
        first, second = golden[0], golden[1 % len(golden)]
        pair = self._compare_with_alone([first, second], alone)
        for at in range(2, len(golden), 2):
            self._compare_with_alone([golden[at], golden[(at + 1) % len(golden)]], alone)
        cycle = golden[::-1]
        for companion in companion_rows(self._model.signature, samples.inputs):
            try:
                answer = self._run([first, companion])
            except BundleError as error:
                _log.info("independence check skips %s, because the model fails on it: %s", companion.title, error)
                continue
            self._check_shapes(answer, [first, companion])
            where = f"next to {companion.title} than next to {second.title}"
            self._expect_alike(first, _rows(answer, [0]), _rows(pair, [0]), where)
            cycle.append(companion)
        self._compare_with_alone([cycle[at % len(cycle)] for at in range(max(largest_batch, 2))], alone)

    def _compare_with_alone(self, batch: Sequence[Row], alone: Mapping[str, Tensors]) -> Tensors:
        answer = self._answer(batch)
        for row in {row.title: row for row in batch if row.title in alone}.values():
            places = [at for at, each in enumerate(batch) if each is row]
            where = f"{_called(batch)} than alone"
            self._expect_alike(row, _rows(answer, places), alone[row.title], where, other_size=True)
        return answer

    def _answer(self, batch: Sequence[Row]) -> Tensors:
        answer = self._run(batch)
        self._check_shapes(answer, batch)
        return answer

    def _run(self, batch: Sequence[Row]) -> Tensors:
        """The outputs in memory of their own, from inputs that no run has touched."""
        inputs = {name: np.concatenate([row.tensors[name] for row in batch]) for name in batch[0].tensors}
        with foreign_code(_CHECK, f"the model fails {_called(batch)}"):
            return {name: np.array(tensor) for name, tensor in self._model.run(inputs).items()}

    def _coarsest_rounding(self, row: Row) -> float:
        with foreign_code(_CHECK, f"the model fails {_called([row])}"):
            return self._model.coarsest_rounding(row.tensors)

    def _check_shapes(self, outputs: Tensors, batch: Sequence[Row]) -> None:
        for spec in self._model.signature.outputs:
            given = outputs[spec.name]
            if len(batch) == 1 and given.ndim < len(spec.shape):
                raise BundleError(
                    _CHECK,
                    f"output '{spec.name}' loses its batch dimension at one row: it is of shape {list(given.shape)}, "
                    f"and should be of shape {[1, *spec.shape[1:]]}; name the dimension in squeeze() or leave it out",
                )
            if not spec.accepts(given) or len(given) != len(batch):
                raise BundleError(
                    _CHECK,
                    f"output '{spec.name}' is {given.dtype} of shape {list(given.shape)} {_called(batch)}, and should "
                    f"be {spec.datatype} of shape {[len(batch), *spec.shape[1:]]}",
                )

    def _expect_alike(
        self, row: Row, answers: Tensors, expected: Tensors, where: str, *, other_size: bool = False
    ) -> None:
        rounding = 0.0
        for name, reference in expected.items():
            given = answers[name]
            if given.shape[1:] != reference.shape[1:]:
                shapes = f"{list(given.shape[1:])} and {list(reference.shape[1:])}"
                raise BundleError(_CHECK, f"{row.title} is answered in another shape {where}: '{name}' is of {shapes}")
            worst = difference(given, reference, self._tolerance, rounding)
            if worst is not None and other_size and not rounding:
                rounding = self._coarsest_rounding(row)  # costs a run, so only where it may matter
                worst = difference(given, reference, self._tolerance, rounding)
            if worst is not None:
                raise BundleError(
                    _CHECK,
                    f"{row.title} is answered differently {where}: output '{name}' is off by {worst:.3g}, allowed are "
                    f"{words_for(self._tolerance)}. The rows of a batch must not depend on each other; softmax over "
                    "dimension 0, BatchNorm in training mode and one quantisation scale for a whole batch are the "
                    "usual reasons",
                )


def _rows(outputs: Tensors, places: Sequence[int]) -> Tensors:
    return {name: tensor[places] for name, tensor in outputs.items()}


def _called(batch: Sequence[Row]) -> str:
    titles = list(dict.fromkeys(row.title for row in batch))
    if len(batch) == 1:
        return f"on {titles[0]} alone"
    return f"in a batch of {len(batch)} rows of {', '.join(titles)}"
