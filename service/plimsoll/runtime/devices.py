"""Chooses the device of tensors and how many threads compute. The first call imports torch, not this file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from plimsoll.errors import DeviceError

if TYPE_CHECKING:
    import torch


def limit_threads(count: int) -> None:
    """Let the forward passes of the calling thread use this many threads of the CPU.

    A thread of which nothing has been said takes the number that was said last, of any thread, at its first operation.
    """
    import torch

    torch.get_num_threads()  # the first operation, or it would undo what is said now
    torch.set_num_threads(count)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the forward passes of the calling thread use no other thread, as on the event loop."""
    import torch

    before = torch.get_num_threads()
    limit_threads(1)
    try:
        yield
    finally:
        limit_threads(before)


def resolve_device(wanted: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda` or `cuda:N`; `auto` takes the first GPU if there is one.

    Raises:
        DeviceError: the words are none of these, or that device is not on this machine.
    """
    import torch

    if wanted == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise DeviceError(f"'{wanted}' is no device; expected auto, cpu, cuda or cuda:N") from None
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise DeviceError(f"'{wanted}' is not supported; expected auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        raise DeviceError(f"'{wanted}' was asked for and this machine has {count} CUDA devices; use auto or cpu")
    return torch.device("cuda", device.index or 0)


def device_memory() -> list[tuple[str, int, int]]:
    """Every GPU of this machine as name, bytes in use by anyone, and bytes in all; empty without GPUs.

    It is empty as well where torch has not been imported, because nothing of ours uses a GPU then.
    """
    if "torch" not in sys.modules:
        return []
    import torch

    memory = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        memory.append((f"cuda:{index}", total - free, total))
    return memory
