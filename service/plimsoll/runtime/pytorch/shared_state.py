"""Keeps what a factory may change for the whole process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def shared_state_kept() -> Iterator[None]:
    """Put back the settings of torch that a factory may change for the whole process: threads and default datatype."""
    threads, datatype = torch.get_num_threads(), torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(datatype)
        torch.set_num_threads(threads)
