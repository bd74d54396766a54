"""Names this machine's processor and its instructions."""

from __future__ import annotations

import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_BFLOAT16 = frozenset({"amx_bf16", "avx512_bf16", "bf16"})


def fault_of_bfloat16(cpuinfo: Path = _CPUINFO) -> str:
    """The reason for which this processor has no fast way to compute in bfloat16; empty if it has one."""
    flags = _field(cpuinfo, "flags", "Features").split()
    if not flags:
        return "the instructions of this processor cannot be read (there is no /proc/cpuinfo)"
    if _BFLOAT16.isdisjoint(flags):
        return f"this processor has none of the instructions {', '.join(sorted(_BFLOAT16))}"
    return ""


def name_of_processor(cpuinfo: Path = _CPUINFO) -> str:
    """The model of the processor, or its architecture where the model cannot be read."""
    return _field(cpuinfo, "model name") or platform.machine()


def _field(cpuinfo: Path, *names: str) -> str:
    """The first value of a field with one of these names; empty if there is none."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    fields = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in fields if name.strip() in names), "")
