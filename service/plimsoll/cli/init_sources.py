"""Reads the file that `plimsoll init` is given, and finds example rows for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from plimsoll.bundle.installed_packages import fault_of_packages
from plimsoll.cli.example_files import Examples, read_examples
from plimsoll.cli.input_bounds import read_bounds
from plimsoll.cli.new_models import check_datatypes, fill_module, name_of_input, open_graph
from plimsoll.cli.questions import Question, Questions
from plimsoll.errors import OperatorError
from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.new_model import NewModel

ONNX_IMAGE, TORCH_IMAGE = "plimsoll:onnx", "plimsoll:cpu"
_DRAWN = "The golden samples are rows drawn at random, and not real data."
_PACKAGES = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")
"""The packages with which a folder of Hugging Face is exported."""
_KINDS = "an ONNX file, a state dict (.safetensors, .pt, .pth, .bin) or a folder of Hugging Face"


@dataclass(frozen=True, slots=True)
class Given:
    """The file of a model, and the values of the options that describe it."""

    file: Path
    factory: str | None
    parameters: Mapping[str, Any]
    examples: Sequence[str]
    outputs: Sequence[str]
    minimum: Sequence[str]
    maximum: Sequence[str]


@dataclass(frozen=True, slots=True)
class Source:
    """A model that can run, with example rows and the bounds of its inputs. `image` is the one that has its runtime.

    `about` holds further fields of the manifest. `takes_labels` is false if the outputs are served as they are.
    """

    model: NewModel
    examples: Sequence[Tensors]
    minimum: Mapping[str, float]
    maximum: Mapping[str, float]
    image: str
    factory: str | None = None
    bfloat16: Collection[str] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    takes_labels: bool = True


def read_source(given: Given, questions: Questions) -> Source:
    """Read a model by the kind of its file.

    Raises:
        BundleError: the file cannot become a bundle.
        OperatorError: a package is missing that the file needs.
        typer.BadParameter: an option is missing or wrong; the message says what to give.
    """
    readers: Mapping[str, Callable[[Given, Questions], Source]] = {
        ".onnx": _graph, ".safetensors": _state_dict, ".pt": _state_dict, ".pth": _state_dict, ".bin": _state_dict,
    }  # fmt: skip
    reader = _hugging_face if given.file.is_dir() else readers.get(given.file.suffix)
    if reader is None:
        raise typer.BadParameter(f"'{given.file.name}' is none of these: {_KINDS}")
    return reader(given, questions)


def _graph(given: Given, questions: Questions) -> Source:
    from plimsoll.runtime.drawn_rows import InputKind, drawn_examples, needs_maximum

    model = open_graph(given.file, given.outputs)
    kinds = [InputKind(each.name, each.datatype or "FP32", each.shape) for each in model.inputs]
    for kind in kinds:
        shape = ["rows", *("open" if length is None else length for length in kind.shape[1:])]
        typer.echo(f"  input  {kind.name}: {kind.datatype} [{', '.join(map(str, shape))}]")
    if given.examples:
        examples = read_examples(given.examples, name_of_input(model))
        check_datatypes(model, examples)
        return _with_examples(model, examples, given, ONNX_IMAGE)
    if unknown := next((kind.name for kind in kinds if not kind.shape), None):
        raise typer.BadParameter(f"the graph has no shape of input '{unknown}'; give --example {unknown}=FILE.npy")
    names = [kind.name for kind in kinds]
    minimum, maximum = read_bounds(given.minimum, names, "--minimum"), read_bounds(given.maximum, names, "--maximum")
    for kind in kinds:
        if needs_maximum(kind) and kind.name not in maximum:
            words = f"Largest value of input '{kind.name}', such as the size of its vocabulary minus 1"
            answered = questions.answer(Question(f"--maximum {kind.name}=NUMBER", words))
            maximum |= read_bounds([f"{kind.name}={answered}"], names, "--maximum")
    drawn = drawn_examples(kinds, minimum, maximum)
    return Source(model, drawn, minimum, maximum, ONNX_IMAGE, about={"description": _DRAWN})


def _state_dict(given: Given, questions: Questions) -> Source:
    factory = questions.answer(
        Question("--factory", "Function that makes your module, as package.module:callable"), given.factory
    )
    files = given.examples or [
        questions.answer(Question("--example", "File of example rows (.npy; .npz for several inputs)"))
    ]
    examples = read_examples(files)
    model = fill_module(given.file, given.parameters, None, factory, given.outputs, examples.bfloat16)
    return _with_examples(model, examples, given, TORCH_IMAGE, factory)


def _hugging_face(given: Given, questions: Questions) -> Source:
    del questions  # the folder answers them all
    if given.outputs or given.factory:
        raise typer.BadParameter("--output-name and --factory are not for a folder of Hugging Face, which has both")
    if not (given.file / "config.json").exists():
        raise typer.BadParameter(f"the folder '{given.file.name}' has no config.json; expected is {_KINDS}")
    if fault := fault_of_packages("a folder of Hugging Face", _PACKAGES, "hf,onnx"):
        raise OperatorError(fault)
    from plimsoll.runtime.hugging_face import open_folder

    folder = open_folder(given.file)
    typer.echo(f"  exported to ONNX: {folder.title}, {folder.vocabulary} tokens, rows of up to {folder.longest} tokens")
    bounds = folder.minimum, folder.maximum
    return Source(folder.model, folder.examples, *bounds, ONNX_IMAGE, about=folder.about, takes_labels=False)


def _with_examples(model: NewModel, examples: Examples, given: Given, image: str, factory: str | None = None) -> Source:
    return Source(
        model,
        examples.by_length,
        read_bounds(given.minimum, examples.names, "--minimum"),
        read_bounds(given.maximum, examples.names, "--maximum"),
        image,
        factory,
        bfloat16=examples.bfloat16,
    )
