"""Chooses torch's device, and how many threads one of its forward passes takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from plimsoll.errors import DeviceError
from plimsoll.runtime.threads import limit_threads


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the forward passes of the calling thread use no other thread, as on the event loop."""
    before = torch.get_num_threads()
    limit_threads(1)
    try:
        yield
    finally:
        limit_threads(before)


def resolve_device(wanted: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda` or `cuda:N`; `auto` takes the first GPU if there is one.

    Raises:
        DeviceError: that device is not on this machine.
    """
    if wanted == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device(wanted)
    if device.type == "cpu":
        return device
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        raise DeviceError(f"'{wanted}' was asked for and this machine has {count} CUDA devices; use auto or cpu")
    return torch.device("cuda", device.index or 0)
