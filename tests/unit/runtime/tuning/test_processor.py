from __future__ import annotations

from pathlib import Path

import pytest
from plimsoll.runtime.tuning.processor import fault_of_bfloat16, name_of_processor


@pytest.mark.parametrize(
    ("cpuinfo", "name", "fault"),
    [
        ("model name\t: Some Xeon\nflags\t\t: avx2 avx512_bf16 amx_bf16\n", "Some Xeon", ""),
        ("model name\t: Old\nflags\t\t: avx2 f16c\n", "Old", "has none of the instructions amx_bf16, avx512_bf16"),
        ("Features\t: fp asimd bf16 i8mm\n", None, ""),
        ("", None, "the instructions of this processor cannot be read"),
    ],
)
def test_bfloat16_needs_instructions_of_its_own(tmp_path: Path, cpuinfo: str, name: str | None, fault: str) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(cpuinfo)
    found = fault_of_bfloat16(file)
    assert fault in found if fault else found == ""
    assert name_of_processor(file) == name if name else name_of_processor(file)


def test_a_system_without_the_file_has_a_name_and_no_bfloat16(tmp_path: Path) -> None:
    assert name_of_processor(tmp_path / "none")
    assert fault_of_bfloat16(tmp_path / "none").endswith("(there is no /proc/cpuinfo)")
