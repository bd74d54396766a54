"""Numbers that JSON can express, and those that no float can hold."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import ModelFailed


def not_finite(output: NDArray[Any], alone: int | None = None) -> ModelFailed:
    """The error for an output, of shape [rows, ...], that holds NaN or infinity; `index` names the first row.

    An output of one row `alone` is that of the row with this index.
    """
    numbers = output.reshape(len(output), -1)
    row, column = (int(part) for part in np.argwhere(~np.isfinite(numbers))[0])
    number = numbers[row, column]
    several = len(numbers) > 1 or alone is not None
    row = row if alone is None else alone
    return ModelFailed(
        f"the model gave a number that is not finite{f' for row {row}' if several else ''}",
        expected="finite numbers, since JSON has no others",
        given=f"{number}",
        index=row if several else None,
    )


def place_beyond_floats(value: object) -> list[int] | None:
    """The position of the first number in nested lists that no float can hold; `None` if there is none."""
    if isinstance(value, list):
        for at, inner in enumerate(value):
            if (place := place_beyond_floats(inner)) is not None:
                return [at, *place]
        return None
    if isinstance(value, int | float) and abs(value) > sys.float_info.max:
        return []
    return None
