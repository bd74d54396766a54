from __future__ import annotations

import contextlib

import torch
from plimsoll.runtime.pytorch.shared_state import shared_state_kept


def test_what_a_factory_changes_for_the_whole_process_is_put_back() -> None:
    before = (torch.get_num_threads(), torch.get_default_dtype())
    with contextlib.suppress(ValueError), shared_state_kept():
        torch.set_num_threads(before[0] + 3)
        torch.set_default_dtype(torch.float64)
        raise ValueError
    assert (torch.get_num_threads(), torch.get_default_dtype()) == before
