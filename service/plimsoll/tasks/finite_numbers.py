"""Outputs that JSON can say."""

from __future__ import annotations

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
