"""The kinds of models that people bring, each with its example rows and with requests in its own types."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.doubles import brought_modules as brought
from tests.doubles.masked_transformer import LONGEST, PADDING, WORDS, MaskedTransformer

Inputs = Mapping[str, Tensor]
"""The tensors of one example or request by name, in the order of the parameters of forward."""


@dataclass(frozen=True)
class Kind:
    """A kind of model: its file, the words of `bundle create`, and requests.

    `rows` makes inputs of a number of rows and a length; `lengths` are those of the examples, `asked` of the requests.
    `about` holds further fields of the manifest; requests have no input of `left_out`. The bundle is `exported` to ONNX
    or served as it was created.
    """

    name: str
    make: Callable[..., nn.Module]
    rows: Callable[[int, int], Inputs]
    weights: str = "weights.safetensors"
    prefix: str = ""
    lengths: Sequence[int] = (0,)
    asked: Sequence[int] = (0,)
    parameters: Mapping[str, str] = field(default_factory=dict)
    words: Sequence[str] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[str] = ("output",)
    examples: str = "npy"
    task: str = "tensors"
    left_out: Sequence[str] = ()
    exported: bool = False
    tolerance: float = 1e-5

    @property
    def factory(self) -> str:
        """The name of `make`, as a bundle has it."""
        return f"{self.make.__module__}:{self.make.__name__}"

    @property
    def version(self) -> str:
        """The version that is served: the one that was created, or the one that was exported of it."""
        return "1.1" if self.exported else "1"

    def commands(self, files: Sequence[str]) -> list[list[str]]:
        """The words of each command, without `plimsoll`; `files` are those that `save` returned."""
        create = ["bundle", "create", f"--name={self.name}", "--version=1", f"--factory={self.factory}", *files]
        create += self.words
        if self.parameters:
            create.append(f"--parameters={json.dumps(self.parameters)}")
        export = ["bundle", "export-onnx", f"models/{self.name}/1", f"--trust-factory={self.factory}"]
        return [create, export] if self.exported else [create]

    def save(self, folder: Path) -> tuple[nn.Module, list[str]]:
        """Write the files of its maker; returns the module and the words that name the files."""
        torch.manual_seed(len(self.name))
        module = self.make(**self.parameters).eval()
        state = {f"{self.prefix}{name}": tensor for name, tensor in module.state_dict().items()}
        if self.weights.endswith(".safetensors"):
            save_file(state, folder / self.weights)
        else:
            torch.save({"state_dict": state, "epoch": 3}, folder / self.weights)
        words = [f"--weights={self.weights}"]
        for length in self.lengths:
            words += self._save_example(folder, self.rows(3, length), length)
        if self.about:
            (folder / "about.json").write_text(json.dumps(self.about))
            words.append("--about=about.json")
        return module, words

    def _save_example(self, folder: Path, inputs: Inputs, length: int) -> list[str]:
        if self.examples == "safetensors":
            save_file(dict(inputs), folder / f"rows{length}.safetensors")
            return [f"--example=rows{length}.safetensors"]
        if self.examples == "npz":
            arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in inputs.items()}
            np.savez(folder / f"rows{length}.npz", **arrays)
            return [f"--example=rows{length}.npz"]
        for name, tensor in inputs.items():
            np.save(folder / f"{name}{length}.npy", tensor.numpy())
        return [f"--example={name}={name}{length}.npy" for name in inputs]


def _floats(*shape: int) -> Tensor:
    """Numbers that every machine draws alike, as the committed requests are compared with those of a run."""
    return torch.from_numpy(np.random.default_rng(shape[0]).standard_normal(shape, np.float32))


def _ids(most: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(shape[0]).integers(0, most, shape))


def _columns(rows: int, _: int) -> Inputs:
    return {
        "age": _ids(90, rows).float(), "income": _ids(90_000, rows).float(), "children": _ids(5, rows),
        "married": _ids(2, rows).bool(),
    }  # fmt: skip


def _words(rows: int, length: int) -> Inputs:
    mask = torch.ones(rows, length, dtype=torch.int64)
    mask[:, length // 2 + 1 :] = 0
    return {"input_ids": _ids(50, rows, length), "attention_mask": mask}


def _kept(rows: int, length: int) -> Inputs:
    keep = torch.ones(rows, length, dtype=torch.bool)
    keep[:, length // 2 + 1 :] = False
    return {"ids": _ids(50, rows, length).int(), "keep": keep}


def _all_words(rows: int, length: int) -> Inputs:
    return {"input_ids": _ids(WORDS, rows, length), "attention_mask": torch.ones(rows, length, dtype=torch.int64)}


KINDS = (
    Kind(
        "classifier-by-name", brought.NamedClassifier, _columns, outputs=["probabilities"], tolerance=1e-5,
        words=[
            "--task=tensors", "--output-name=probabilities", '--labels=["low", "middle", "high"]', "--minimum=age=0",
            "--minimum=income=0", "--minimum=children=0", "--maximum=children=20",
        ],
    ),
    Kind(
        "regressor-by-name", brought.NamedRegressor,
        lambda rows, _: {"area": _floats(rows).abs(), "rooms": _ids(9, rows) + 1},
        outputs=["price"], words=["--output-name=price", "--minimum=area=0", "--minimum=rooms=1"],
    ),
    Kind(
        "classifier-of-rows", brought.RowClassifier, lambda rows, _: {"rows": _floats(rows, 4)},
        task="tabular-classification", words=['--labels=["low", "middle", "high"]'], outputs=["probabilities"],
    ),
    Kind(
        "regressor-of-rows", brought.RowRegressor, lambda rows, _: {"rows": _floats(rows, 4)},
        task="tabular-regression", words=["--task=tabular-regression", '--labels=["price", "rent"]'],
        outputs=["price", "rent"],
    ),
    Kind(
        "uint8-nhwc", brought.UintImages, lambda rows, _: {"images": _ids(256, rows, 9, 7, 3).to(torch.uint8)},
        outputs=["probabilities"], words=["--output-name=probabilities"],
    ),
    Kind("float-nchw", brought.FloatImages, lambda rows, _: {"images": _floats(rows, 3, 8, 8)}),
    Kind(
        "embedding-bag", brought.Bag, lambda rows, length: {"ids": _ids(50, rows, length)},
        lengths=[3, 5], asked=[4, 1, 11], words=["--minimum=ids=0", "--maximum=ids=49"],
    ),
    Kind(
        "two-inputs", brought.TwoInputs, lambda rows, _: {"place": _ids(10, rows), "measured": _floats(rows, 3)},
        examples="npz", words=["--minimum=place=0", "--maximum=place=9"],
    ),
    Kind(
        "several-outputs", brought.SeveralOutputs, lambda rows, _: {"rows": _floats(rows, 4)},
        outputs=["scores", "class", "hidden"],
        words=["--output-name=scores", "--output-name=class", "--output-name=hidden"],
    ),
    Kind(
        "masked-transformer", MaskedTransformer, _all_words, lengths=[10, 20], asked=[9, 1, LONGEST],
        words=[
            "--output-name=scores", "--output-name=states", "--minimum=input_ids=0", f"--maximum=input_ids={WORDS - 1}",
            "--minimum=attention_mask=0", "--maximum=attention_mask=1",
        ],
        about={"options": {"padding": PADDING}}, outputs=["scores", "states"], left_out=["attention_mask"],
    ),
    Kind(
        "fp16", brought.InHalf, lambda rows, _: {"rows": _floats(rows, 4).half()},
        parameters={"datatype": "float16"}, tolerance=1e-3,
    ),
    Kind(
        "bf16", brought.InHalf, lambda rows, _: {"rows": _floats(rows, 4).bfloat16()},
        parameters={"datatype": "bfloat16"}, examples="safetensors", tolerance=1e-2,
    ),
    Kind(
        "onnx-from-torch", brought.FloatImages, lambda rows, _: {"images": _floats(rows, 3, 8, 8)}, exported=True,
    ),
    Kind(
        "gives-dict", brought.GivesDict, _words, lengths=[4, 6], asked=[2, 9], outputs=["logits", "last_hidden_state"],
        words=["--output-name=logits", "--output-name=last_hidden_state", "--maximum=input_ids=49"],
    ),
    Kind("named-tuple", brought.Detector, lambda rows, _: {"rows": _floats(rows, 6)}, outputs=["boxes", "valid"]),
    Kind(
        "module-prefix", brought.SeveralOutputs, lambda rows, _: {"rows": _floats(rows, 4)},
        weights="checkpoint.pth", prefix="module.", outputs=["output_0", "output_1", "output_2"],
    ),
    Kind(
        "recurrent", brought.Recurrent, lambda rows, length: {"series": _floats(rows, length, 3)},
        lengths=[4, 6], asked=[5, 1], outputs=["output_0"], words=["--output-name=output_0"],
    ),
    Kind(
        "bool-mask-int32", brought.BoolMasked, _kept, lengths=[4, 6], asked=[2, 9],
        words=["--minimum=ids=0", "--maximum=ids=49"],
    ),
    Kind(
        "video-uint8", brought.Video, lambda rows, _: {"frames": _ids(256, rows, 4, 6, 5, 3).to(torch.uint8)},
    ),
    Kind(
        "fp64-scalar", brought.InDouble, lambda rows, _: {"moment": _floats(rows).double()}, tolerance=1e-12,
    ),
)  # fmt: skip
