"""Proves that the answer to a row does not depend on the padding behind it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from plimsoll.bundle.golden import GoldenSamples
from plimsoll.bundle.manifest import Golden
from plimsoll.errors import BundleError
from plimsoll.inference.padding import Padding, own_places
from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.answer_difference import difference, words_for
from plimsoll.runtime.companions import Row, golden_rows
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.loaded_model import LoadedModel

_log = logging.getLogger(__name__)
_CHECK = "padding"
_MOST_GOLDEN_ROWS = 4
_MOST_CHANGED_ROWS = 2


def check_padding(model: LoadedModel, padding: Padding, samples: GoldenSamples, tolerance: Golden) -> None:
    """Raise unless golden rows are answered alike unpadded, and padded to the next lengths and to the longest.

    At most four golden rows are compared. Two of them run at half and at twice their length as well, so that rows of
    different lengths are padded in one batch, as in service. If the model raises on such a row, the check skips it, and
    the log says so. The answers may differ by the golden tolerance, and by 16 roundings as in `check_independence`,
    because sums are added up in another order.

    Raises:
        BundleError: with check `padding`; the message names the row, the lengths and the difference, and what to do.
    """
    _Proof(model, padding, tolerance).run(samples)


class _Proof:
    def __init__(self, model: LoadedModel, padding: Padding, tolerance: Golden) -> None:
        self._model = model
        self._padding = padding
        self._tolerance = tolerance

    def run(self, samples: GoldenSamples) -> None:
        length = self._length_of(samples)
        answered = [
            (row, length, self._unpadded(row, length)) for row in golden_rows(samples.inputs, _MOST_GOLDEN_ROWS)
        ]
        longest = self._padding.longest
        for row, _, _ in answered[:_MOST_CHANGED_ROWS]:
            for other in sorted({max(1, length // 2), min(2 * length, longest)} - {length}):
                answered += self._of_other_length(row, other)
        if longest > 1 and all(own == longest for _, own, _ in answered):
            raise BundleError(
                _CHECK,
                f"nothing shows that padding changes no answer: the golden samples have {length} places, as many as "
                "the longest row, and no shorter row can be made of them; make golden samples of shorter rows",
            )
        targets = {self._padding.bucket(own + 1) for _, own, _ in answered if own < longest} | {longest}
        for target in sorted(targets):
            self._compare(answered[:1], target)
            self._compare(answered, target)

    def _length_of(self, samples: GoldenSamples) -> int:
        lengths = self._padding.length_of(samples.inputs)
        length = max(lengths.values())
        if min(lengths.values()) != length:
            listed = ", ".join(f"'{name}' has {each} places" for name, each in lengths.items())
            raise BundleError(
                _CHECK,
                f"the inputs of open length differ in length in the golden samples: {listed}; padding is for inputs "
                "of one common length, so leave the option 'padding' out, or make other samples",
            )
        if length > self._padding.longest:
            raise BundleError(
                _CHECK,
                f"the golden samples have {length} places, and the longest row that padding allows has "
                f"{self._padding.longest}; raise the longest length, or make golden samples of shorter rows",
            )
        return length

    def _of_other_length(self, row: Row, length: int) -> list[tuple[Row, int, Tensors]]:
        """The row with places repeated or left out, and its unpadded answer; nothing if the model fails on it."""
        changed = Row(f"{row.title} cut or repeated to {length} places", self._padding.repeated(row.tensors, length))
        try:
            outputs = self._run(changed.tensors, f"on {changed.title}")
        except BundleError as error:
            _log.info("padding check skips %s, because the model fails on it: %s", changed.title, error)
            return []
        self._check_lengths(outputs, length, changed)
        return [(changed, length, outputs)]

    def _unpadded(self, row: Row, length: int) -> Tensors:
        outputs = self._run(row.tensors, f"on {row.title}")
        self._check_lengths(outputs, length, row)
        return outputs

    def _check_lengths(self, outputs: Tensors, length: int, row: Row) -> None:
        """Check that each open dimension of an output is as long as the row, since it is cut to that length."""
        for spec in self._model.signature.outputs:
            given = outputs[spec.name].shape
            if len(given) != len(spec.shape) or any(
                size < 0 and size_given != length for size, size_given in zip(spec.shape[1:], given[1:], strict=True)
            ):
                raise BundleError(
                    _CHECK,
                    f"output '{spec.name}' is of shape {list(given)} for {row.title}, which has {length} places; where "
                    "rows are padded, an open dimension of an output must be as long as the row. Give the output a "
                    "fixed shape, or leave the option 'padding' out",
                )

    def _compare(self, answered: Sequence[tuple[Row, int, Tensors]], target: int) -> None:
        """Run the rows in one batch, padded to a length, and compare each with its unpadded answer."""
        members = [each for each in answered if each[1] <= target]
        if not members:
            return
        with foreign_code(_CHECK, f"rows cannot be padded to {target} places"):  # memory may run out
            padded = [self._padding.padded(row.tensors, target) for row, _, _ in members]
            inputs = {name: np.concatenate([each[name] for each in padded]) for name in padded[0]}
        outputs = self._run(inputs, f"on rows that are padded to {target} places")
        rounding = 0.0
        for place, (row, length, expected) in enumerate(members):
            for spec in self._model.signature.outputs:
                reference = expected[spec.name]
                given = own_places(spec, outputs[spec.name][place : place + 1], length)
                where = f"{row.title} is answered differently when it is padded from {length} to {target} places"
                if given.shape != reference.shape:
                    shapes = f"{list(given.shape)}, unpadded of {list(reference.shape)}"
                    raise self._refusal(f"{where}: output '{spec.name}' is of shape {shapes}")
                worst = difference(given, reference, self._tolerance, rounding)
                if worst is not None and not rounding:
                    with foreign_code(_CHECK, f"the model fails on rows that are padded to {target} places"):
                        rounding = self._model.coarsest_rounding(padded[0])  # costs a run
                    worst = difference(given, reference, self._tolerance, rounding)
                if worst is not None:
                    raise self._refusal(
                        f"{where}: output '{spec.name}' is off by {worst:.3g}, allowed are {words_for(self._tolerance)}"
                    )

    def _refusal(self, finding: str) -> BundleError:
        mask = self._padding.mask
        way = "by the values that the padding has" if mask is None else f"by the mask '{mask}'"
        return BundleError(
            _CHECK,
            f"{finding}. The model must leave padding out {way}, in attention, means, maxima and norms over the length "
            "alike; change the model so, or leave the option 'padding' out of the manifest",
        )

    def _run(self, inputs: Tensors, where: str) -> Tensors:
        """The outputs in memory of their own, from inputs that no run has touched."""
        with foreign_code(_CHECK, f"the model fails {where}"):
            fresh = {name: tensor.copy() for name, tensor in inputs.items()}
            return {name: np.array(tensor) for name, tensor in self._model.run(fresh).items()}
