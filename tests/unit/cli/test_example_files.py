from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from plimsoll.cli.example_files import Examples, read_examples
from safetensors.torch import save_file

IDS, LONGER = np.arange(6).reshape(2, 3), np.arange(4).reshape(1, 4)
AGES = np.ones((2, 1), np.float32)


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("ids.npy", IDS)
    np.save("longer.npy", LONGER)
    np.save("ages.npy", AGES)
    np.save("a=b.npy", AGES)
    np.savez("both.npz", ids=IDS, ages=AGES)


def lists(examples: Examples) -> list[dict[str, Any]]:
    return [{name: array.tolist() for name, array in each.items()} for each in examples.by_length]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["ids.npy"], [{"rows": IDS}]),
        (["a=b.npy"], [{"rows": AGES}]),
        (["ages=a=b.npy"], [{"ages": AGES}]),
        (["ids.npy", "longer.npy"], [{"rows": IDS}, {"rows": LONGER}]),
        (["ages=ages.npy", "ids=ids.npy"], [{"ages": AGES, "ids": IDS}]),
        (["i=ids.npy", "a=ages.npy", "i=longer.npy"], [{"i": IDS, "a": AGES}, {"i": LONGER, "a": AGES}]),
        (["both.npz"], [{"ids": IDS, "ages": AGES}]),
        (["both.npz", "both.npz"], [{"ids": IDS, "ages": AGES}] * 2),
    ],
)  # fmt: skip
def test_inputs_have_their_names_and_a_second_file_has_another_length(
    options: list[str], expected: list[dict[str, NDArray[Any]]]
) -> None:
    examples = read_examples(options, "rows")
    assert lists(examples) == [{name: array.tolist() for name, array in each.items()} for each in expected]
    assert [list(each) for each in examples.by_length] == [list(each) for each in expected]
    assert examples.names == list(expected[0])


@settings(max_examples=30)
@given(array=hnp.arrays(hnp.integer_dtypes() | hnp.floating_dtypes(sizes=(16, 32, 64)) | st.just("?"), (2, 3)))
def test_numbers_come_back_bit_for_bit(array: NDArray[Any]) -> None:
    np.savez("any.npz", x=array)
    np.save("any.npy", array)
    tensor = torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=True))
    save_file({"x": tensor}, "any.safetensors")
    for file in ("any.npz", "any.npy", "any.safetensors"):
        (read,) = read_examples([file], "x").by_length
        assert read["x"].tobytes() == (array if "np" in file else tensor.numpy()).tobytes()


def test_bfloat16_is_read_from_safetensors_as_the_same_numbers_in_float32() -> None:
    tensor = torch.randn(3, 5).bfloat16()
    save_file({"x": tensor, "ids": torch.ones(3, 1)}, "half.safetensors")
    examples = read_examples(["half.safetensors"])
    assert examples.bfloat16 == {"x"}
    assert examples.by_length[0]["x"].dtype == np.float32
    assert torch.equal(torch.from_numpy(examples.by_length[0]["x"]), tensor.float())
    assert read_examples(["ids.npy"]).bfloat16 == set()


class Marker:
    """Leaves a file where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["nowhere.npy"], "--example 'nowhere.npy' is no file"),
        (["ids=nowhere.npy"], "--example 'nowhere.npy' is no file"),
        (["ids="], "--example '.' is no file"),
        (["x=both.npz"], "--example x=both.npz: the file holds 2 tensors; give it without a name, and its"),
        (
            ["a=ids.npy", "b=ids.npy", "b=longer.npy", "c=ids.npy", "c=ids.npy", "c=longer.npy"],
            "--example gives 'b' 2 times and another input 3 times; give an input once, or once for each length",
        ),
        (["none.npz"], "--example none.npz holds no tensor"),
        (["words.npz"], "--example words.npz: 'names' is of <U3, and numbers are expected"),
        (["objects.npz"], "--example objects.npz: 'rows' is an array of Python objects, which only a pickle can"),
        (["objects.npy"], "--example objects.npy is an array of Python objects, which only a pickle can hold"),
        (["pickle.npy"], "--example is not a .npy file of numbers: "),
        (["broken.npz"], "--example is not a .npz file of numbers: File is not a zip file"),
        (["text.npz"], "--example text.npz: 'readme.txt' is no array of numpy"),
        (["zeros.npz"], "--example is not a .npz file of numbers: it has 1000128 bytes unpacked, and 100000 is"),
        (["large.npy"], "--example large.npy has more than 100000 bytes, which is the most"),
        (["broken.safetensors"], "--example is not a .safetensors file: "),
        (["eight.safetensors"], "--example eight.safetensors: 'x' is F8_E4M3, which no signature can express"),
    ],
)  # fmt: skip
def test_what_holds_no_example_is_refused(
    options: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plimsoll.cli.example_files.MAX_BYTES", 100_000)
    objects = np.array([Marker()], object)
    np.savez("none.npz")
    np.savez("words.npz", names=np.array(["one"]))
    np.savez("objects.npz", rows=objects)
    np.save("objects.npy", objects)
    Path("pickle.npy").write_bytes(b"\x80\x04N.")
    Path("broken.npz").write_bytes(b"PK\x03\x04 is no zip")
    with zipfile.ZipFile("text.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")
    np.savez_compressed("zeros.npz", x=np.zeros(1_000_000, np.uint8))
    assert Path("zeros.npz").stat().st_size < 100_000
    np.save("large.npy", np.zeros(100_000, np.uint8))
    header = json.dumps({"x": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}).encode()
    Path("broken.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    save_file({"x": torch.ones(2, 2).to(torch.float8_e4m3fn)}, "eight.safetensors")
    with pytest.raises(typer.BadParameter) as caught:
        read_examples(options)
    assert caught.value.message.startswith(sentence)
    assert not (tmp_path / "executed").exists()
