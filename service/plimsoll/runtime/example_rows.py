"""Checks the example rows of a new bundle, and derives the shapes of a signature from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.golden import MOST_LENGTHS, all_finite
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import NUMPY_DTYPES, Datatype, Tensors
from plimsoll.runtime.new_model import NewModel

_ALIKE = 1e-2
"""Of two answers to one row, so that sums in another order pass also in bfloat16."""


def checked_examples(examples: Sequence[Tensors], model: NewModel) -> list[Tensors]:
    """The examples with their inputs in the order of the signature, contiguous and in this machine's byte order.

    Each example has rows of every input; examples differ in the lengths of their rows.

    Raises:
        BundleError: with check `golden` when an example holds no rows that can be golden samples, `signature` when the
            examples do not fit each other or the inputs of the model.
    """
    if not 1 <= len(examples) <= MOST_LENGTHS:
        raise BundleError("golden", f"one to {MOST_LENGTHS} examples are expected, and {len(examples)} are given")
    names = _names(examples, model)
    plain: list[Tensors] = [{name: _plain(name, example[name], len(names)) for name in names} for example in examples]
    if len(names) == 1 and plain[0][names[0]].ndim == 1:
        _check_one_number_a_row(model, plain[0])
    for example in plain:
        rows = {name: len(tensor) for name, tensor in example.items()}
        if len(set(rows.values())) > 1:
            given = ", ".join(f"{count} of '{name}'" for name, count in rows.items())
            raise BundleError("golden", f"an example needs as many rows of each input, and it has {given}")
    for name in names:
        check_alike(name, [example[name] for example in plain])
    seen: list[dict[str, tuple[int, ...]]] = []
    for example in plain:
        lengths = {name: tensor.shape[1:] for name, tensor in example.items()}
        if lengths in seen:
            raise BundleError(
                "golden",
                f"two examples have rows of the same shape, {list(lengths[names[0]])}; a second example is for rows of "
                "another length, so put all rows of one length into one file",
            )
        seen.append(lengths)
    return plain


def tensor_of(
    name: str, arrays: Sequence[NDArray[Any]], datatype: Datatype | None = None, **further: object
) -> dict[str, Any]:
    """The record of a tensor in the manifest; a dimension that differs between the arrays is open, -1.

    The datatype is that of the arrays unless it is given.

    Raises:
        BundleError: with check `signature`, when the arrays differ in more than lengths, or their datatype has no name.
    """
    check_alike(name, arrays)
    first = arrays[0]
    datatype = datatype or next((known for known, dtype in NUMPY_DTYPES.items() if dtype == first.dtype), None)
    if datatype is None:
        raise BundleError("signature", f"'{name}' is of {first.dtype}, which no signature can express")
    lengths = [set(each) for each in zip(*(array.shape[1:] for array in arrays), strict=True)]
    shape = [each.pop() if len(each) == 1 else -1 for each in lengths]
    given = {key: value for key, value in further.items() if value is not None}
    return {"name": name, "datatype": datatype, "shape": [-1, *shape], **given}


def check_alike(name: str, arrays: Sequence[NDArray[Any]]) -> None:
    """Refuse arrays of one tensor that differ in more than lengths.

    Raises:
        BundleError: with check `signature`.
    """
    first = arrays[0]
    for other in arrays[1:]:
        if other.dtype != first.dtype or other.ndim != first.ndim:
            raise BundleError(
                "signature",
                f"'{name}' is {first.dtype} of shape {list(first.shape)} in one example and {other.dtype} of shape "
                f"{list(other.shape)} in another; only lengths may differ",
            )


def listed(names: Sequence[str]) -> str:
    """Some names of tensors, for a message."""
    return ", ".join(f"'{name[:40]}'" for name in names[:8]) or "none"


def _names(examples: Sequence[Tensors], model: NewModel) -> Sequence[str]:
    """The names of the inputs in the order of the signature."""
    given = list(examples[0])
    for other in examples[1:]:
        if set(other) != set(given):
            raise BundleError(
                "golden",
                f"one example has the inputs {listed(given)}, and another one {listed(list(other))}; give each "
                "input in each example",
            )
    wanted = model.input_names
    if wanted is not None and set(given) != set(wanted):
        raise BundleError(
            "signature",
            f"the inputs of the model are {listed(wanted)}, and the example has {listed(given)}; give an example of "
            "each by its name",
        )
    return model.ordered(given)


def _check_one_number_a_row(model: NewModel, example: Tensors) -> None:
    """Refuse a list of numbers unless the model takes it as rows of one number: then it answers the first one alone."""
    ((name, numbers),) = example.items()
    try:
        one, every = model.run({name: numbers[:1]}), model.run(example)
    except BundleError:
        alike = False
    else:
        alike = all(_same_row(one[output], every[output], len(numbers)) for output in every)
    if not alike:
        raise BundleError(
            "golden",
            f"the example is one list of {len(numbers)} numbers, and rows are expected, [rows, ...]; if it is one row, "
            "save example[None]",
        )


def _same_row(one: NDArray[Any], every: NDArray[Any], rows: int) -> bool:
    """Whether the answer to one row is that to the first of all rows; a proof of independence is the loader's."""
    return (
        one.shape[:1] == (1,)
        and every.shape[:1] == (rows,)
        and one.shape[1:] == every.shape[1:]
        and np.allclose(one[0].astype(np.float64), every[0].astype(np.float64), rtol=_ALIKE, atol=_ALIKE)
    )


def _plain(name: str, example: NDArray[Any], inputs: int) -> NDArray[Any]:
    """The same numbers in rows one after the other, in this machine's byte order."""
    called = "the example" if inputs == 1 else f"the example of '{name}'"
    if example.ndim == 0 or not len(example):
        raise BundleError("golden", f"{called} needs at least one row, [rows, ...]")
    if not all_finite(example):
        raise BundleError("golden", f"{called} holds numbers that are not finite")
    return np.ascontiguousarray(example, dtype=example.dtype.newbyteorder("="))
