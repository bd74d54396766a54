from __future__ import annotations

import pytest
import torch
from plimsoll.errors import DeviceError
from plimsoll.runtime.pytorch.devices import one_thread, resolve_device
from plimsoll.runtime.threads import limit_threads

GPUS = torch.cuda.device_count()


def test_auto_is_a_gpu_where_there_is_one_and_the_cpu_elsewhere() -> None:
    assert resolve_device("auto") == torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def test_the_cpu_is_always_there() -> None:
    assert resolve_device("cpu") == torch.device("cpu")


def test_a_gpu_that_is_not_there_is_refused_with_how_many_there_are() -> None:
    with pytest.raises(DeviceError, match=f"this machine has {GPUS} CUDA devices; use auto or cpu"):
        resolve_device(f"cuda:{GPUS}")


def test_a_machine_with_gpus_offers_them_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == torch.device("cuda:0")
    assert resolve_device("cuda") == torch.device("cuda:0")
    assert resolve_device("cuda:1") == torch.device("cuda:1")


def test_for_a_while_a_thread_can_do_without_others() -> None:
    before = torch.get_num_threads()
    limit_threads(3)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        limit_threads(before)
