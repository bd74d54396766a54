from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
import torch
from plimsoll.errors import DeviceError
from plimsoll.runtime.devices import device_memory, limit_threads, one_thread, resolve_device

GPUS = torch.cuda.device_count()


def test_auto_is_a_gpu_where_there_is_one_and_the_cpu_elsewhere() -> None:
    assert resolve_device("auto") == torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def test_the_cpu_is_always_there() -> None:
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("words", ["gpu", "", "cuda:x", "cuda:-1", "CPU ", "cpu;rm"])
def test_words_that_are_no_device_are_refused(words: str) -> None:
    with pytest.raises(DeviceError, match="is no device; expected auto, cpu, cuda or cuda:N") as caught:
        resolve_device(words)
    assert f"'{words}'" in caught.value.message


@pytest.mark.parametrize("words", ["meta", "mps", "xla"])
def test_a_device_of_another_kind_is_refused(words: str) -> None:
    with pytest.raises(DeviceError, match=f"'{words}' is not supported; expected auto, cpu, cuda or cuda:N"):
        resolve_device(words)


@pytest.mark.parametrize("number", [GPUS, GPUS + 7])
def test_a_gpu_that_is_not_there_is_refused_with_how_many_there_are(number: int) -> None:
    with pytest.raises(DeviceError, match=f"this machine has {GPUS} CUDA devices; use auto or cpu"):
        resolve_device(f"cuda:{number}")


@pytest.mark.skipif(GPUS > 0, reason="this machine has a GPU")
def test_cuda_without_a_number_needs_a_gpu_too() -> None:
    with pytest.raises(DeviceError, match="'cuda' was asked for and this machine has 0 CUDA devices"):
        resolve_device("cuda")


def test_gpus_and_their_memory_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(device_memory()) == GPUS
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (10 + index, 100))
    assert device_memory() == [("cuda:0", 90, 100), ("cuda:1", 89, 100)]


def test_a_machine_with_gpus_offers_them_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == torch.device("cuda:0")
    assert resolve_device("cuda") == torch.device("cuda:0")
    assert resolve_device("cuda:1") == torch.device("cuda:1")


def in_new_thread(limit: Callable[[], None]) -> int:
    """How many threads a forward pass has in a new thread that has first called this."""
    found: list[int] = []

    def run() -> None:
        limit()
        torch.zeros(1).relu_()
        found.append(torch.get_num_threads())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return found[0]


def test_each_thread_has_a_limit_of_its_own() -> None:
    before = torch.get_num_threads()
    try:
        assert in_new_thread(partial(limit_threads, 3)) == 3
        limit_threads(1)
        assert in_new_thread(partial(limit_threads, 3)) == 3
        torch.zeros(1).relu_()
        assert torch.get_num_threads() == 1
    finally:
        limit_threads(before)


def test_for_a_while_a_thread_can_do_without_others() -> None:
    before = torch.get_num_threads()
    limit_threads(3)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        limit_threads(before)
