"""Checks the name of a device, and lists GPUs. Imports a runtime only to look for a GPU."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec

from plimsoll.errors import DeviceError

_DEVICE = re.compile(r"auto|cpu|cuda(:(0|[1-9][0-9]{0,2}))?")


def check_device(wanted: str) -> None:
    """Raise a `DeviceError` unless these words name a device of this machine.

    `auto` and `cpu` are everywhere. For a GPU the runtime that is installed is asked, PyTorch first.
    """
    if not _DEVICE.fullmatch(wanted):
        raise DeviceError(f"'{wanted}' is no device; expected auto, cpu, cuda or cuda:N")
    if not wanted.startswith("cuda"):
        return
    if find_spec("torch") is not None:
        from plimsoll.runtime.pytorch.devices import resolve_device

        resolve_device(wanted)
    elif find_spec("onnxruntime") is not None:
        from plimsoll.runtime.onnx.providers import providers_of

        providers_of(wanted)
    else:
        raise DeviceError(
            f"'{wanted}' was asked for, and neither PyTorch nor ONNX Runtime is installed, which could use it"
        )


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
