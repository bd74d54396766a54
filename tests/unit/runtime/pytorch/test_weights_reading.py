from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import BundleError
from plimsoll.runtime.pytorch.weights_reading import read_weights
from safetensors.torch import load, save

from tests.doubles.checkpoints import Net


def test_a_state_dict_comes_as_safetensors_whatever_its_name_and_the_folder_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("torch.py").write_text("raise SystemExit('imported')")
    torch.manual_seed(0)
    state = Net().state_dict()
    torch.save(state, "w.safetensors")
    weights = read_weights(Path("w.safetensors"))
    assert all(torch.equal(tensor, state[key]) for key, tensor in load(weights.content).items())
    assert weights.notes[0] == "the state dict was converted to safetensors"


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_file_of_safetensors_comes_as_it_is(tmp_path: Path, name: str) -> None:
    content = save({"a": torch.ones(3)})
    (tmp_path / name).write_bytes(content)
    assert read_weights(tmp_path / name) == (content, [])


@pytest.mark.parametrize("length", [0x0280, 0x04034B50])
def test_a_header_whose_length_looks_like_another_form_is_one_of_safetensors(tmp_path: Path, length: int) -> None:
    content = save({"a": torch.ones(3)})
    end = 8 + int.from_bytes(content[:8], "little")
    padded = length.to_bytes(8, "little") + content[8:end].ljust(length) + content[end:]
    (tmp_path / "w.safetensors").write_bytes(padded)
    assert read_weights(tmp_path / "w.safetensors").content == padded


@given(content=st.binary(max_size=300))
def test_bytes_of_no_form_are_left_to_the_reader_of_safetensors(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    if content[:1] != b"\x80" and content[:4] != b"PK\x03\x04":
        path.write_bytes(content)
        assert read_weights(path).content == content


def archive(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"")


def test_a_form_that_holds_code_is_refused_with_the_next_step_and_not_opened(tmp_path: Path) -> None:
    script, program = tmp_path / "script.pt", tmp_path / "program.pt2"
    with pytest.warns(DeprecationWarning, match=r"torch\.jit"):
        torch.jit.save(torch.jit.script(Net()), script)
    torch.export.save(torch.export.export(Net().eval(), (torch.ones(1, 4),)), program)
    archive(tmp_path / "model.mar", "MAR-INF/MANIFEST.json", "model.pt")
    np.savez(tmp_path / "rows.npz", x=np.ones(3))
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no zip")
    for name, sentence in {
        "script.pt": "the file is a TorchScript program, which holds code, and it was not opened; if you trust it",
        "program.pt2": "the file is a program of torch.export, which holds code, and it was not opened; save the state",
        "model.mar": "the file is an archive of TorchServe; `plimsoll bundle from-mar FILE` takes the weights out",
        "rows.npz": "the file is a zip archive, and no state dict of torch.save; save model.state_dict()",
        "broken.zip": "the file is a zip archive, and no state dict of torch.save; save model.state_dict()",
    }.items():
        with pytest.raises(BundleError) as caught:
            read_weights(tmp_path / name)
        assert (caught.value.check, caught.value.message[: len(sentence)]) == ("weights", sentence)


def test_a_process_that_ends_without_an_answer_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pt")
    monkeypatch.setattr("plimsoll.runtime.pytorch.weights_reading.sys.executable", "/bin/false")
    with pytest.raises(BundleError, match="could not be converted within bounds of memory and time"):
        read_weights(tmp_path / "w.pt")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="the file of weights cannot be read: No such file or directory"):
        read_weights(tmp_path / "none.pt")
