"""Rows that come as named tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput
from plimsoll.inference.payloads import Tensors, TensorSpec


def elements_of(contents: Sequence[bytes]) -> NDArray[Any]:
    """A tensor of BYTES, [rows], with one element for each row."""
    elements = np.empty(len(contents), np.object_)
    elements[:] = contents
    return elements


def check_complete(specs: Sequence[TensorSpec], tensors: Tensors, optional: str | None = None) -> int:
    """The number of rows of tensors that fit their specs one by one; `optional` names an input that may be missing.

    Raises:
        InvalidInput: an input is missing, or two have different numbers of rows.
    """
    rows = len(next(iter(tensors.values())))
    for spec in specs:
        tensor = tensors.get(spec.name)
        if tensor is None:
            if spec.name == optional:
                continue
            names = ", ".join(each.name for each in specs if each.name != optional)
            raise InvalidInput(f"the input '{spec.name}' is missing", expected=f"the inputs {names}")
        if len(tensor) != rows:
            raise InvalidInput(
                f"the input '{spec.name}' has another number of rows than the inputs before it",
                expected=f"{rows} rows", given=f"{len(tensor)} rows",
            )  # fmt: skip
    return rows
