from __future__ import annotations

import os
import pickle

import pytest

from training.pickled_table import read_columns


class _Command:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


@pytest.mark.parametrize("hostile", [_Command(), print, pickle.Unpickler])
def test_a_pickle_that_names_anything_else_than_a_table_is_refused(hostile: object) -> None:
    with pytest.raises(pickle.UnpicklingError, match="which is no part of one"):
        read_columns(pickle.dumps(hostile))
