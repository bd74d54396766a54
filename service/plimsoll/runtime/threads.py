"""Limits the threads of the CPU that torch takes, where torch has been imported."""

from __future__ import annotations

import sys


def limit_threads(count: int) -> None:
    """Let torch's forward passes of the calling thread use this many threads of the CPU.

    A thread of which nothing has been said takes the number that was said last, of any thread, at its first operation.
    Without torch this does nothing: a session of ONNX Runtime gets its threads when it is made.
    """
    if "torch" not in sys.modules:
        return
    import torch

    torch.get_num_threads()  # the first operation, or it would undo what is said now
    torch.set_num_threads(count)
