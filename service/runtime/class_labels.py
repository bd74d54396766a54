"""Labels of the classes of a model that becomes a bundle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.errors import BundleError

Label = str | int
_HALF = 0.5
_LITTLE = 0.01


class Classes(NamedTuple):
    """The labels of an output and, where it is one score a row, the threshold between its two classes."""

    labels: Sequence[Label] | None
    threshold: float | None


def check_labels(labels: Sequence[Label]) -> None:
    """Refuse labels that are no names, and those by which classes cannot be told apart."""
    for each in labels:
        if isinstance(each, bool) or not isinstance(each, str | int):
            raise BundleError("manifest", f"the label {json.dumps(each)} is neither text nor a whole number")
    for label, times in Counter(map(str, labels)).items():
        if times > 1:
            raise BundleError("manifest", f"the label '{label}' stands for {times} classes; give each its own")
        if not label.strip():
            raise BundleError("manifest", "a label is empty; give each class a name")


def classes_of(
    outputs: NDArray[Any], labels: Sequence[Label] | None, threshold: float | None, remark: Callable[[str], None]
) -> Classes:
    """The classes that the scores of some rows stand for.

    A model of one score a row has two: with one label, that of a high score, the other one is named after it. `remark`
    hears of that, and of scores that are no probabilities. Whether labels and scores fit is left to the manifest.

    Raises:
        BundleError: with check `signature`, when a model of one score a row gives anything but probabilities.
    """
    if not labels:
        return Classes(labels, threshold)
    if outputs.shape[1:] not in ((), (1,)) or len(labels) > 2:  # noqa: PLR2004  # classes on both sides of a threshold
        if not _are_probabilities(outputs):
            remark(
                "the scores of a row do not add up to 1, and clients would be told that they are probabilities; if "
                "these are logits, let the module end with a softmax"
            )
        return Classes(labels, threshold)
    if np.issubdtype(outputs.dtype, np.floating) and not ((outputs >= 0) & (outputs <= 1)).all():
        raise BundleError(
            "signature",
            f"the one score of a row should be a probability, and the model gives from {outputs.min():g} to "
            f"{outputs.max():g}; apply a sigmoid in forward",
        )
    chosen = _HALF if threshold is None else threshold
    if len(labels) == 1:
        (label,) = labels
        labels = [f"not {label}", label]
        remark(
            f"the model gives one score a row, so there are two classes: '{label}' where it is at least {chosen:g}, "
            f"and '{labels[0]}' elsewhere; two labels name both, and --threshold moves the border"
        )
    return Classes(labels, chosen)


def _are_probabilities(outputs: NDArray[Any]) -> bool:
    """Whether each row of scores is between 0 and 1 and adds up to 1, within a hundredth."""
    if not np.issubdtype(outputs.dtype, np.floating):
        return False
    sums = outputs.astype(np.float64).sum(axis=-1)
    return bool((outputs >= -_LITTLE).all() and (np.abs(sums - 1) <= _LITTLE).all())
