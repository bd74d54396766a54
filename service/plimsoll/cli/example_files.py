"""Reads rows that an option of a command names from files of numpy and safetensors."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import typer
from numpy.typing import NDArray

MAX_BYTES = 1 << 30
"""Of one file, unpacked."""
_SAFETENSORS_TYPES: Mapping[str, str] = {
    "BOOL": "?", "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "I8": "i1", "I16": "<i2", "I32": "<i4",
    "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
_NUMBERS, _TEXTS = "biuf", "U"
_OPTION = "--example"


class Examples(NamedTuple):
    """Example rows of every input, one mapping for each length. The inputs of `bfloat16` are given as float32."""

    by_length: list[dict[str, NDArray[Any]]]
    bfloat16: frozenset[str]

    @property
    def names(self) -> list[str]:
        """The names of the inputs, in the order in which they are given."""
        return list(self.by_length[0])


def read_examples(options: Sequence[str], input_name: str = "input") -> Examples:
    """Read the values of --example: `FILE`, or `NAME=FILE` for one input of several.

    A `.npy` file without a name is the input `input_name`; a `.npz` or `.safetensors` file has the names in it. An
    input that is given again has another length; one that is given once keeps its rows in every example.

    Raises:
        typer.BadParameter: a file cannot be read or holds no numbers, or the inputs have different numbers of files.
    """
    arrays: dict[str, list[NDArray[Any]]] = {}
    bfloat16: set[str] = set()
    for option in options:
        name, path = _split(option)
        tensors, halves = read_tensors(path, _OPTION)
        if name is not None and len(tensors) != 1:
            raise typer.BadParameter(
                f"--example {name}={path.name}: the file holds {len(tensors)} tensors; give it without a name, and its "
                "tensors have their own"
            )
        for own_name, array in tensors.items():
            chosen = name or own_name or input_name
            arrays.setdefault(chosen, []).append(array)
            bfloat16 |= {chosen} if own_name in halves else set()
    counts = {name: len(each) for name, each in arrays.items()}
    lengths = max(counts.values())
    if wrong := {name: count for name, count in counts.items() if count not in (1, lengths)}:
        name, count = next(iter(wrong.items()))
        raise typer.BadParameter(
            f"--example gives '{name}' {count} times and another input {lengths} times; give an input once, or once "
            "for each length"
        )
    by_length = [
        {name: each[place if len(each) > 1 else 0] for name, each in arrays.items()} for place in range(lengths)
    ]
    return Examples(by_length, frozenset(bfloat16))


def _split(option: str) -> tuple[str | None, Path]:
    name, found, file = option.partition("=")
    path = Path(option)
    if found and not path.exists():
        path = Path(file)
    else:
        name = ""
    return name or None, path


def check_file(path: Path, option: str) -> None:
    """Refuse a file that is not there or too large; `option` is what messages call it.

    Raises:
        typer.BadParameter: as said.
    """
    if not path.is_file():
        raise typer.BadParameter(f"{option} '{path}' is no file")
    if path.stat().st_size > MAX_BYTES:
        raise typer.BadParameter(f"{option} {path.name} has more than {MAX_BYTES} bytes, which is the most")


def read_tensors(path: Path, option: str, texts: Collection[str] = ()) -> tuple[dict[str, NDArray[Any]], set[str]]:
    """The tensors of a file, and the names of those that are bfloat16; the one of a `.npy` file has no name.

    `option` is what messages call the file. The tensors of `texts` may hold text.

    Raises:
        typer.BadParameter: the file cannot be read, is too large, or holds something else than numbers.
    """
    check_file(path, option)
    halves: set[str] = set()
    if path.suffix == ".npz":
        tensors = _read_npz(path, option)
    elif path.suffix == ".safetensors":
        tensors, halves = _read_safetensors(path, option)
    else:
        tensors = {"": _read_npy(path, option)}
    if not tensors:
        raise typer.BadParameter(f"{option} {path.name} holds no tensor")
    for name, tensor in tensors.items():
        if tensor.dtype.kind not in _NUMBERS + (_TEXTS if name in texts else ""):
            raise typer.BadParameter(f"{option} {_called(path, name)} is of {tensor.dtype}, and numbers are expected")
    return tensors, halves


def _read_npy(path: Path, option: str) -> NDArray[Any]:
    try:
        with path.open("rb") as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as error:  # noqa: BLE001  # numpy reads the header as Python, so a broken one raises anything
        raise _refusal(error, f"{option} is not a .npy file of numbers: {error}", f"{option} {path.name}") from None


def _read_npz(path: Path, option: str) -> dict[str, NDArray[Any]]:
    tensors: dict[str, object] = {}
    name = ""
    try:
        _check_unpacked_size(path)
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                tensors[name] = archive[name]
    except Exception as error:  # noqa: BLE001  # as for a .npy file
        raise _refusal(
            error, f"{option} is not a .npz file of numbers: {error}", f"{option} {_called(path, name)}"
        ) from None
    arrays = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, np.ndarray)}
    if wrong := sorted(tensors.keys() - arrays.keys()):
        raise typer.BadParameter(f"{option} {_called(path, wrong[0])} is no array of numpy")
    return arrays


def _check_unpacked_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_BYTES:
        raise ValueError(f"it has {unpacked} bytes unpacked, and {MAX_BYTES} is the most")


def _read_safetensors(path: Path, option: str) -> tuple[dict[str, NDArray[Any]], set[str]]:
    try:
        entries = sorted(safetensors.deserialize(path.read_bytes()), key=lambda entry: entry[0])  # type: ignore[no-untyped-call]
    except (safetensors.SafetensorError, OSError) as error:
        raise typer.BadParameter(f"{option} is not a .safetensors file: {error}") from None
    tensors, halves = {}, set()
    for name, entry in entries:
        if entry["dtype"] not in _SAFETENSORS_TYPES:
            raise typer.BadParameter(
                f"{option} {_called(path, name)} is {entry['dtype']}, which no signature can express"
            )
        array = np.frombuffer(entry["data"], _SAFETENSORS_TYPES[entry["dtype"]]).reshape(entry["shape"])
        if entry["dtype"] == "BF16":
            halves.add(name)
            array = (array.astype(np.uint32) << 16).view(np.float32)
        tensors[name] = array
    return tensors, halves


def _refusal(error: Exception, sentence: str, called: str) -> typer.BadParameter:
    if "allow_pickle" in str(error):
        sentence = (
            f"{called} is an array of Python objects, which only a pickle can hold, and no "
            "pickle is opened; save numbers, as with array.astype(numpy.float32)"
        )
    return typer.BadParameter(sentence)


def _called(path: Path, name: str) -> str:
    return f"{path.name}: '{name[:40]}'" if name else path.name
