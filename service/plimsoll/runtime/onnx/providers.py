"""Chooses the execution provider of ONNX Runtime for a device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from plimsoll.errors import DeviceError
from plimsoll.runtime.onnx.session_faults import RUNTIME

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
Provider = tuple[str, dict[str, Any]]
CPU_ONLY: list[Provider] = [(_CPU, {})]


def providers_of(wanted: str) -> tuple[str, list[Provider]]:
    """The device for `auto`, `cpu`, `cuda` or `cuda:N`, and ONNX Runtime's providers for it.

    A model is never put on the CPU in silence: `auto` on a machine with a GPU needs the CUDA provider as well.

    Raises:
        DeviceError: the device needs the CUDA provider, and this ONNX Runtime has none.
    """
    has_cuda = _CUDA in onnxruntime.get_available_providers()
    if wanted == "cpu" or (wanted == "auto" and not has_cuda and not _NVIDIA_DRIVER.exists()):
        return "cpu", CPU_ONLY
    if not has_cuda:
        why = f"'{wanted}' was asked for" if wanted != "auto" else "this machine has a GPU"
        raise DeviceError(
            f"{why}, and {RUNTIME}, which runs ONNX bundles, has no CUDA provider; install onnxruntime-gpu in place of "
            "onnxruntime, or set the device to cpu"
        )
    index = int(wanted.partition(":")[2] or 0)
    # TF32 has ten bits: the golden samples were made with more.
    return f"cuda:{index}", [(_CUDA, {"device_id": index, "use_tf32": 0}), *CPU_ONLY]
