from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
from plimsoll.errors import DeviceError
from plimsoll.runtime import devices
from plimsoll.runtime.devices import check_device, device_memory

GPUS = torch.cuda.device_count()


@pytest.mark.parametrize("words", ["auto", "cpu"])
def test_auto_and_the_cpu_are_everywhere(words: str) -> None:
    check_device(words)


@pytest.mark.parametrize("words", ["gpu", "", "cuda:x", "cuda:-1", "cuda:01", "CPU ", "cpu;rm", "meta", "mps", "xla"])
def test_words_that_are_no_device_are_refused(words: str) -> None:
    with pytest.raises(DeviceError, match="is no device; expected auto, cpu, cuda or cuda:N") as caught:
        check_device(words)
    assert f"'{words}'" in caught.value.message


@pytest.mark.parametrize("number", [GPUS, GPUS + 7])
def test_a_gpu_that_is_not_there_is_refused_with_how_many_there_are(number: int) -> None:
    with pytest.raises(DeviceError, match=f"this machine has {GPUS} CUDA devices; use auto or cpu"):
        check_device(f"cuda:{number}")


@pytest.mark.skipif(GPUS > 0, reason="this machine has a GPU")
def test_cuda_without_a_number_needs_a_gpu_too() -> None:
    with pytest.raises(DeviceError, match="'cuda' was asked for and this machine has 0 CUDA devices"):
        check_device("cuda")


def test_without_torch_onnx_runtime_is_asked_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match=r"'cuda:0' was asked for, and ONNX Runtime .* has no CUDA provider"):
        check_device("cuda:0")
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    check_device("cuda:0")


def test_without_a_runtime_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    with pytest.raises(DeviceError, match="'cuda' was asked for, and neither PyTorch nor ONNX Runtime is installed"):
        check_device("cuda")


def test_gpus_and_their_memory_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(device_memory()) == GPUS
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (10 + index, 100))
    assert device_memory() == [("cuda:0", 90, 100), ("cuda:1", 89, 100)]
