"""Bundles for clients of a tensor protocol: two inputs and two outputs, every datatype, and texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import torch
from numpy.typing import NDArray
from plimsoll.bundle.folder import Bundle
from plimsoll.own_task import InvalidRow, OwnTask
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from safetensors.torch import save
from torch import Tensor, nn

from tests.doubles.bundles import Fields, replace_file, rewrite_manifest

FACTORIES = tuple(f"{__name__}:{name}" for name in ("Places", "Every", "Shouting", "Counts", "Lengths"))
"""Everything that a server of these bundles has to allow."""
SCORES, PLACES = 3, 10
WORDS = 4
_LONGEST = 200


class Places(nn.Module):
    """Takes the number of a place and measured numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Embedding(PLACES, 4)
        self.layer = nn.Linear(6, SCORES)

    def forward(self, place: Tensor, measured: Tensor) -> dict[str, Tensor]:
        """FP32 [rows, 3] and INT64 [rows]."""
        scores = self.layer(torch.cat([self.place(place), measured], 1))
        return {"scores": scores, "best": scores.argmax(1)}


DATATYPES: Mapping[str, NDArray[Any]] = {
    "BOOL": np.array([[True, False], [False, True], [True, True]]),
    "UINT8": np.array([[0, 255], [1, 2], [3, 4]], np.uint8),
    "UINT16": np.array([[0, 65535], [1, 2], [3, 4]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1], [1, 2], [3, 4]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1], [2**53 + 1, 2], [3, 4]], np.uint64),
    "INT8": np.array([[-128, 127], [1, 2], [3, 4]], np.int8),
    "INT16": np.array([[-(2**15), 2**15 - 1], [1, 2], [3, 4]], np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1], [1, 2], [3, 4]], np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1], [2**53 + 1, 2], [3, 4]], np.int64),
    "FP16": np.array([[-65504, 6e-8], [0.1, -0.0], [1, 2]], np.float16),
    "FP32": np.array([[-3.4e38, 1e-45], [0.1, -0.0], [1, 2]], np.float32),
    "FP64": np.array([[-1.7e308, 5e-324], [0.1, -0.0], [1, 2]], np.float64),
    "BF16": np.array([[-3.38e38, 1e-38], [0.1, -0.0], [1, 2]]).astype(ml_dtypes.bfloat16),
}
"""Three rows of each datatype, with its smallest and its largest number; a model echoes each of them."""


class Every(nn.Module):
    """Gives back each of its inputs; BF16 comes back as FP32, as all outputs in bfloat16 do."""

    def forward(self, BOOL: Tensor, UINT8: Tensor, *others: Tensor) -> dict[str, Tensor]:  # noqa: N803
        """One output for each input, with `_out` at the end of its name."""
        return {f"{name}_out": each.clone() for name, each in zip(DATATYPES, (BOOL, UINT8, *others), strict=True)}


class Lengths(nn.Module):
    """Takes the lengths of the words of a row."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name of the input
        """The same numbers."""
        return input.clone()


class Shouting(OwnTask):
    """A row is a text, and so is its answer."""

    item = "text"
    row_schema: Mapping[str, Any] = {"type": "string"}
    result_schema: Mapping[str, Any] = {"type": "string"}

    def read(self, row: Any) -> Mapping[str, Any]:
        """The lengths of its first four words."""
        if len(row) > _LONGEST:
            raise InvalidRow("the text is too long", expected=f"at most {_LONGEST} characters", given=f"{len(row)}")
        return {"input": ([len(word) for word in row.split()] + [0] * WORDS)[:WORDS]}

    def write(self, outputs: Mapping[str, Any]) -> Any:
        """As many letters as each word had."""
        return " ".join("é" * int(length) for length in outputs["output"] if length)


class Counts(OwnTask):
    """A row is an object with a text, and its answer an object."""

    item = "message"
    row_schema: Mapping[str, Any] = {"type": "object", "properties": {"text": {"type": "string"}}}
    result_schema: Mapping[str, Any] = {"type": "object", "properties": {"letters": {"type": "integer"}}}

    def read(self, row: Any) -> Mapping[str, Any]:
        """The lengths of its first four words."""
        return {"input": ([len(word) for word in row["text"].split()] + [0] * WORDS)[:WORDS]}

    def write(self, outputs: Mapping[str, Any]) -> Any:
        """The number of letters."""
        return {"letters": int(outputs["output"].sum())}


def make_places(folder: Path, version: str = "1") -> Bundle:
    """`places`: an INT64 and an FP32 input, an FP32 output with labels' width and an INT64 output."""
    torch.manual_seed(3)
    example: dict[str, NDArray[Any]] = {
        "place": np.arange(5), "measured": np.random.default_rng(5).normal(size=(5, 2)).astype(np.float32)
    }  # fmt: skip
    recipe = Recipe("places", version, [example], minimum={"place": 0}, maximum={"place": PLACES - 1})
    weights = save(Places().state_dict())
    return make_bundle(folder, recipe, NewTorchModel(weights, {}, factory=FACTORIES[0]))


def make_every(folder: Path) -> Bundle:
    """`every`: an input of each datatype, named for it, and an output that is the same."""
    held = {name: array.astype(np.float32) if name == "BF16" else array for name, array in DATATYPES.items()}
    recipe = Recipe("every", "1", [held], bfloat16=("BF16",))
    return make_bundle(folder, recipe, NewTorchModel(save({}), {}, factory=FACTORIES[1], bfloat16=("BF16",)))


def make_texts(folder: Path, name: str, row: object, answer: object) -> Bundle:
    """A bundle with one of the tasks of this module, `shouting` or `counts`, proven by this row and its answer."""
    recipe = Recipe(name, "1", [{"input": np.array([[3, 1, 0, 0], [2, 2, 2, 2]])}])
    bundle = make_bundle(folder, recipe, NewTorchModel(save({}), {}, factory=FACTORIES[4]))
    task = {"shouting": Shouting, "counts": Counts}[name]

    def change(fields: Fields) -> None:
        fields.update(task=f"{__name__}:{task.__name__}", options={})
        fields["golden"]["requests"] = "requests.json"
        fields["files"]["requests.json"] = "0" * 64

    requests = [{"body": {task.item: row}, "predictions": [answer]}]
    return replace_file(rewrite_manifest(bundle, change), "requests.json", json.dumps(requests).encode())


def make_all(folder: Path) -> None:
    """All bundles of this module in one folder of models."""
    make_places(folder)
    make_every(folder)
    make_texts(folder, "shouting", "one a", "ééé é")
    make_texts(folder, "counts", {"text": "one a"}, {"letters": 4})
