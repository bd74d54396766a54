"""The classes of an output: which labels and which threshold it may have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import BundleError
from plimsoll.inference.payloads import NUMPY_DTYPES, WIRE_DTYPES, WireDatatype
from plimsoll.quoting import quote

Label = str | int
LEAST_INTEGER, GREATEST_INTEGER = -(1 << 63), (1 << 63) - 1
"""The whole numbers of 64 bits with a sign; the answers of a server cannot hold any other."""
CLASSES_OF_ONE_SCORE = 2
"""That below the threshold, and that from it on."""
_HALF = 0.5
_LITTLE = 0.01


class Classes(NamedTuple):
    """The labels of an output and, where it is one score a row, the threshold between its two classes."""

    labels: Sequence[Label] | None
    threshold: float | None


def fault_of_labels(labels: Sequence[object]) -> str:
    """Return the fault of labels that are not names or that are the same for two classes; empty if there is none."""
    for each in labels:
        if isinstance(each, bool) or not isinstance(each, str | int):
            return f"the label {json.dumps(each)[:64]} is neither text nor a whole number"
        if isinstance(each, int) and not LEAST_INTEGER <= each <= GREATEST_INTEGER:
            return (
                f"a whole number as a label lies between {LEAST_INTEGER} and {GREATEST_INTEGER}, and one label lies "
                "beyond; write it as text"
            )
    for label, times in Counter(map(str, labels)).items():
        if times > 1:
            return f"the label {quote(label)} stands for {times} classes; give each its own"
        if not label.strip():
            return "a label is empty; give each class a name"
    return ""


def fault_of_threshold(threshold: float, datatype: WireDatatype) -> str:
    """Return the fault of a threshold that is 0 or 1 in the precision of the scores; empty if there is none.

    A server compares in that precision, and every score reaches a threshold of 0. Scores that are whole numbers have
    no such fault: the check `route` refuses them.
    """
    rounded = WIRE_DTYPES[datatype].type(threshold)
    if not datatype.startswith("FP") or 0 < rounded < 1:
        return ""
    return f"{datatype}, the datatype of the scores, rounds {threshold!r} to {rounded:g}"


def classes_of(
    outputs: NDArray[Any], labels: Sequence[Label] | None, threshold: float | None, remark: Callable[[str], None]
) -> Classes:
    """The classes that the scores of some rows stand for.

    A model of one score a row has two: with one label, that of a high score, the other one is named after it. `remark`
    hears of that, and of scores that are no probabilities.

    Raises:
        BundleError: with check `manifest`, when labels or threshold do not fit the scores; with check `signature`, when
            a model of one score a row gives anything but probabilities.
    """
    one_score = outputs.shape[1:] in ((), (1,))
    _check_fit(outputs, len(labels or ()), threshold, one_score=one_score)
    if not labels or not one_score:
        if labels and not _are_probabilities(outputs):
            remark(
                "the scores of a row do not add up to 1, and clients would be told that they are probabilities; if "
                "these are logits, let the module end with a softmax"
            )
        return Classes(labels, None)
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
            f"and '{labels[0]}' elsewhere; two labels name both, and --threshold sets the threshold"
        )
    return Classes(labels, chosen)


def check_choices(labels: Sequence[Label] | None, threshold: float | None) -> None:
    """Refuse labels and a threshold that no model can have, before one is run.

    Raises:
        BundleError: with check `manifest`.
    """
    if fault := fault_of_labels(labels or ()):
        raise BundleError("manifest", fault)
    if threshold is None:
        return
    if not 0 < threshold < 1:
        raise BundleError("manifest", f"--threshold should lie between 0 and 1, and {threshold!r} is given")
    if not labels:
        raise BundleError("manifest", "--threshold parts two classes, and needs --labels that name them")


def _check_fit(outputs: NDArray[Any], given: int, threshold: float | None, *, one_score: bool) -> None:
    scores = 1 if one_score else outputs.shape[-1]
    if one_score and given > CLASSES_OF_ONE_SCORE:
        raise BundleError("manifest", f"the model gives one score a row, which takes one label or two, not {given}")
    if not one_score and given not in (0, scores):
        raise BundleError("manifest", f"the model gives {scores} scores a row, and --labels names {given} classes")
    if threshold is None:
        return
    if not one_score:
        raise BundleError(
            "manifest", f"--threshold is for a model that gives one score a row, and this one gives {scores}"
        )
    datatype = next((known for known, dtype in NUMPY_DTYPES.items() if dtype == outputs.dtype), None)
    if datatype is not None and (fault := fault_of_threshold(threshold, datatype)):
        raise BundleError("manifest", f"--threshold should lie between 0 and 1, and {fault}")


def _are_probabilities(outputs: NDArray[Any]) -> bool:
    """Whether each row of scores is between 0 and 1 and adds up to 1, within a hundredth."""
    if not np.issubdtype(outputs.dtype, np.floating):
        return False
    sums = outputs.astype(np.float64).sum(axis=-1)
    return bool((outputs >= -_LITTLE).all() and (np.abs(sums - 1) <= _LITTLE).all())
