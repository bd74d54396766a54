from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
from plimsoll.errors import DeviceError
from plimsoll.runtime.onnx import providers
from plimsoll.runtime.onnx.providers import providers_of

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def have(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *available: str, gpu: bool) -> None:
    """A machine with these providers, with or without the driver of a GPU."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(available))
    driver = tmp_path / "version"
    if gpu:
        driver.touch()
    monkeypatch.setattr(providers, "_NVIDIA_DRIVER", driver)


@pytest.mark.parametrize("wanted", ["cpu", "auto"])
def test_a_machine_without_a_gpu_has_the_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: str) -> None:
    have(monkeypatch, tmp_path, CPU, gpu=False)
    assert providers_of(wanted) == ("cpu", [(CPU, {})])


def test_the_cpu_is_taken_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    have(monkeypatch, tmp_path, CUDA, CPU, gpu=True)
    assert providers_of("cpu") == ("cpu", [(CPU, {})])


@pytest.mark.parametrize(("wanted", "index"), [("auto", 0), ("cuda", 0), ("cuda:3", 3)])
def test_a_gpu_computes_in_full_float32(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: str, index: int
) -> None:
    have(monkeypatch, tmp_path, CUDA, CPU, gpu=True)
    assert providers_of(wanted) == (f"cuda:{index}", [(CUDA, {"device_id": index, "use_tf32": 0}), (CPU, {})])


@pytest.mark.parametrize(
    ("wanted", "gpu", "why"),
    [
        ("auto", True, "this machine has a GPU, and ONNX Runtime"),
        ("cuda", True, "'cuda' was asked for, and ONNX Runtime"),
        ("cuda:1", False, "'cuda:1' was asked for, and ONNX Runtime"),
    ],
)
def test_a_gpu_that_onnx_runtime_cannot_use_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: str, gpu: bool, why: str
) -> None:
    have(monkeypatch, tmp_path, CPU, gpu=gpu)
    with pytest.raises(DeviceError) as caught:
        providers_of(wanted)
    assert caught.value.message.startswith(why)
    assert "install onnxruntime-gpu in place of onnxruntime, or set the device to cpu" in caught.value.message
