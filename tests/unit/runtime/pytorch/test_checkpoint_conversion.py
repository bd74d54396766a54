from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import plimsoll
import pytest
import torch
from plimsoll.errors import BundleError
from plimsoll.runtime.pytorch.checkpoint_conversion import convert
from safetensors.torch import load_file

from tests.doubles.checkpoints import Marker, Net


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "weights.pt", tmp_path / "weights.safetensors"


def saved(content: Any, files: tuple[Path, Path], **options: Any) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The tensors after the conversion, and the notes on it."""
    torch.save(content, files[0], **options)
    notes = convert(*files)
    return load_file(files[1]), notes


STATE = {"a": torch.randn(2, 3), "b": torch.arange(4), "c": torch.ones(1).bfloat16()}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_is_converted_number_by_number(files: tuple[Path, Path], zipped: bool) -> None:
    tensors, notes = saved(STATE, files, _use_new_zipfile_serialization=zipped)
    assert notes == []
    assert tensors.keys() == STATE.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in STATE.items())


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ({"state_dict": STATE, "epoch": 3, "optimizer": {}}, "'state_dict' of the file, without 'epoch', 'optimizer'"),
        ({"model": STATE}, "the weights are 'model' of the file"),
        ({"model_state_dict": STATE, "loss": 0.5}, "the weights are 'model_state_dict' of the file, without 'loss'"),
    ],
)  # fmt: skip
def test_a_state_dict_in_a_checkpoint_is_taken_and_noted(
    files: tuple[Path, Path], content: dict[str, Any], note: str
) -> None:
    tensors, notes = saved(content, files)
    assert tensors.keys() == STATE.keys()
    assert len(notes) == 1
    assert note in notes[0]


def test_tensors_that_share_memory_or_are_parts_of_others_are_copied(files: tuple[Path, Path]) -> None:
    large = torch.randn(10, 10)
    state = {**Net().state_dict(), "row": large[3], "column": large[:, 3], "turned": large.T}
    tensors, notes = saved(state, files)
    assert all(torch.equal(tensors[name], tensor) for name, tensor in state.items())
    assert "'tied.weight' and 'layer.weight' share memory in the file of weights; each gets its own copy" in notes


def test_what_is_no_tensor_is_left_out_and_noted(files: tuple[Path, Path]) -> None:
    tensors, notes = saved({"a": torch.ones(1), "epoch": 3, "extra": {"x": 1}}, files)
    assert list(tensors) == ["a"]
    assert notes == ["'epoch', 'extra' of the file of weights: left out, because only tensors are weights"]


def test_parameters_become_plain_tensors(files: tuple[Path, Path]) -> None:
    tensors, _ = saved(dict(Net().named_parameters()), files)
    assert not tensors["layer.weight"].requires_grad


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"epoch": 3, "optimizer": {}}, "the file of weights holds a dict of 'epoch', 'optimizer', and no state dict"),
        ([torch.ones(1)], "the file of weights holds a list, and no state dict; save model.state_dict()"),
        (torch.ones(1), "the file of weights holds a Tensor, and no state dict"),
        ({3: torch.ones(1)}, "the file of weights names a tensor 3, and a name is text"),
        ({"a": torch.ones(2).to_sparse()}, "the tensor 'a' of the file of weights is sparse_coo, and only dense ones"),
        ({"\ud800": torch.ones(1)}, "the tensors of the file of weights cannot be written as safetensors: it raised"),
    ],
)
def test_what_is_no_state_dict_is_refused(files: tuple[Path, Path], content: object, sentence: str) -> None:
    with pytest.raises(BundleError) as caught:
        saved(content, files)
    assert caught.value.check == "weights"
    assert caught.value.message.startswith(sentence)
    assert not files[1].exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_a_file_with_code_in_it_is_refused_and_the_code_does_not_run(
    files: tuple[Path, Path], tmp_path: Path, whole: bool, zipped: bool
) -> None:
    hostile: Any = {"a": torch.ones(1), "b": Marker(tmp_path / "executed")}
    with pytest.raises(BundleError) as caught:
        saved(Net() if whole else hostile, files, _use_new_zipfile_serialization=zipped)
    assert ("tests.doubles.checkpoints.Net" if whole else f"{os.name}.mkdir") in caught.value.message
    assert "give the class as --factory" in caught.value.message
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04N.", b"PK\x03\x04 no zip", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."]
)
def test_a_broken_file_is_refused(files: tuple[Path, Path], content: bytes) -> None:
    files[0].write_bytes(content)
    with pytest.raises(BundleError, match="can be read without running code of the file: it"):
        convert(*files)


def test_the_process_bounds_its_memory_by_the_size_of_the_file(files: tuple[Path, Path]) -> None:
    small = torch.ones(1).expand(1 << 31)  # 8 GiB of one number
    torch.save({"a": small}, files[0])
    module = "plimsoll.runtime.pytorch.checkpoint_conversion"
    command = [sys.executable, "-m", module, *map(str, files)]
    ran = subprocess.run(command, capture_output=True, check=True, timeout=100)
    assert json.loads(ran.stdout) == {
        "refused": "the tensors of the file of weights cannot be written as safetensors: it raised RuntimeError",
        "notes": [],
    }
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 3 << 20, "kibibytes"


def test_nothing_else_of_the_service_loads_a_pickle_or_imports_what_does() -> None:
    package = Path(plimsoll.__file__).parent
    texts = {path.relative_to(package).as_posix(): path.read_text() for path in package.rglob("*.py")}
    assert [name for name, text in texts.items() if "torch.load(" in text or "pickle.load" in text] == [
        "runtime/pytorch/checkpoint_conversion.py"
    ]
    assert [name for name, text in texts.items() if re.search(r"import.*checkpoint_conversion", text)] == []
