"""Reads the columns of a pickled table of pandas, without pandas and without running what a pickle may name."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMPY = {"_reconstruct", "_frombuffer", "ndarray", "dtype"}


class _Noted:
    """Stands for an object of pandas: notes what it is made of, and does nothing."""

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401  # whatever the pickle holds
        self.parts = parts
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:  # noqa: ANN401  # likewise
        self.state = state


class _Index(_Noted):
    """Stands for the labels of an axis."""


class _TableReader(pickle.Unpickler):
    """Admits the arrays of numpy, and stand-ins for what pandas would make of them."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401  # as pickle has it
        """The class or function of a name, if it is part of a table."""
        if module == "builtins" and name == "slice":
            return slice
        if module.partition(".")[0] == "numpy" and name in _NUMPY:
            return super().find_class(module.replace("numpy.core.", "numpy._core."), name)  # where numpy 2 has them
        if module.partition(".")[0] == "pandas":
            return _Index if "Index" in name else _Noted
        raise pickle.UnpicklingError(f"the table names {module}.{name}, which is no part of one")


def read_columns(pickled: bytes) -> Mapping[str, NDArray[Any]]:
    """The columns of a table by name, each with one number or text a row; a missing text is NaN."""
    table = _TableReader(io.BytesIO(pickled)).load()  # the reader admits arrays alone
    blocks, axes = table.state["_mgr"].parts
    (names,) = (axis.parts[1]["data"] for axis in axes if "data" in axis.parts[1])
    columns: dict[str, NDArray[Any]] = {}
    for block in blocks:
        values, place, _ = block.parts
        rows = np.arange(len(names))[place] if isinstance(place, slice) else np.asarray(place)
        columns |= {str(names[at]): row for at, row in zip(rows, values, strict=True)}
    return {str(name): columns[str(name)] for name in names}
