"""Real programs of torch.export, good ones and hostile ones."""

from __future__ import annotations

import functools
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from plimsoll.bundle.folder import Bundle
from plimsoll.runtime.pytorch.module_building import build_architecture
from torch import Tensor, nn

from tests.doubles.bundles import Fields, replace_file, rewrite_manifest

PROGRAM_FILE = "program.pt2"
Change = Callable[[str, bytes], bytes | None]


class GivesDict(nn.Module):
    """A module of one input that answers with a dict, which the line has no name for."""

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """One tensor in a dict."""
        return {"output": pixels[:, :3]}


@functools.cache
def tiny_program(rows: int | None = None) -> bytes:
    """The tiny classifier of `make_tiny_bundle` with seed 0; for exactly `rows` rows where they are given."""
    torch.manual_seed(0)
    return export(build_architecture("digits-mlp", {"sizes": [4, 8, 3]}).eval(), rows)


@functools.cache
def dict_program() -> bytes:
    """A program that answers with a dict."""
    return export(GivesDict(), None)


def export(module: nn.Module, rows: int | None) -> bytes:
    """What `torch.export.save` writes for a module of one input with four numbers a row."""
    shapes = None if rows is not None else ({0: torch.export.Dim("rows")},)
    stream = io.BytesIO()
    torch.export.save(torch.export.export(module, (torch.rand(rows or 2, 4),), dynamic_shapes=shapes), stream)
    return stream.getvalue()


def repacked(program: bytes, change: Change) -> bytes:
    """The archive with every member as `change` gives it back, `None` leaving it out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(program)) as before, zipfile.ZipFile(stream, "w") as after:
        for name in before.namelist():
            content = change(name, before.read(name))
            if content is not None:
                after.writestr(name, content)
    return stream.getvalue()


def with_payload(program: bytes, marker: Path) -> bytes:
    """The same program, which makes the folder `marker` as soon as it is opened.

    torch.export.load reads the sample inputs with `weights_only=True` and, where that fails, without
    (torch/_export/serde/serialize.py, deserialize_torch_artifact). The program then loads and answers as ever.
    """
    stream = io.BytesIO()
    torch.save(((_Payload(marker),), {}), stream)
    hostile = stream.getvalue()
    return repacked(program, lambda name, content: hostile if "sample_inputs" in name else content)


def program_bundle(bundle: Bundle, program: bytes) -> Bundle:
    """The tiny bundle with a program in the place of its weights."""
    (bundle.path / "weights.safetensors").unlink()

    def describe(fields: Fields) -> None:
        fields["model"] = {"format": "pt2", "program": PROGRAM_FILE}
        fields["files"][PROGRAM_FILE] = "0" * 64
        del fields["files"]["weights.safetensors"]

    return replace_file(rewrite_manifest(bundle, describe), PROGRAM_FILE, program)


class _Payload:
    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._marker),)
