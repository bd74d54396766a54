"""Reads the file that `plimsoll init` is given, and finds example rows for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from plimsoll.cli.example_files import Examples, read_examples
from plimsoll.cli.input_bounds import read_bounds
from plimsoll.cli.questions import Question, Questions
from plimsoll.inference.payloads import Tensors

if TYPE_CHECKING:
    from plimsoll.runtime.new_model import NewModel

_DRAWN = "The golden samples are rows drawn at random, and not real data."
_HUGGING_FACE = "config.json"


@dataclass(frozen=True, slots=True)
class Given:
    """The file of a model, and the values of the options that describe it."""

    file: Path
    factory: str | None
    parameters: Mapping[str, Any]
    examples: Sequence[str]
    minimum: Sequence[str]
    maximum: Sequence[str]


@dataclass(frozen=True, slots=True)
class Source:
    """A model that can run, with example rows and the bounds of its inputs. `image` is the one that has its runtime."""

    model: NewModel
    examples: Sequence[Tensors]
    minimum: Mapping[str, float]
    maximum: Mapping[str, float]
    image: str
    factory: str | None = None
    description: str = ""
    bfloat16: Collection[str] = ()


def read_source(given: Given, questions: Questions) -> Source:
    """Read a model by the ending of its file.

    Raises:
        BundleError: the file cannot become a bundle.
        typer.BadParameter: an option is missing or wrong; the message says what to give.
    """
    readers: Mapping[str, Callable[[Given, Questions], Source]] = {".onnx": _graph, ".safetensors": _state_dict}
    reader = readers.get(given.file.suffix)
    if reader is not None:
        return reader(given, questions)
    if (given.file / _HUGGING_FACE).exists():
        raise typer.BadParameter(
            "a folder of Hugging Face is not read yet; export it, such as by `optimum-cli export onnx`, and give "
            "the .onnx file"
        )
    raise typer.BadParameter(
        f"'{given.file.name}' is none of {', '.join(readers)}; a model that torch.save wrote becomes one by "
        "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
    )


def _graph(given: Given, questions: Questions) -> Source:
    from plimsoll.runtime.drawn_rows import InputKind, drawn_examples, needs_maximum
    from plimsoll.runtime.onnx.new_model import NewOnnxModel

    model = NewOnnxModel(given.file.read_bytes(), file=given.file.name)
    kinds = [InputKind(each.name, each.datatype or "FP32", each.shape) for each in model.inputs]
    for kind in kinds:
        shape = ["rows", *("open" if length is None else length for length in kind.shape[1:])]
        typer.echo(f"  input  {kind.name}: {kind.datatype} [{', '.join(map(str, shape))}]")
    if given.examples:
        return _with_examples(model, read_examples(given.examples, kinds[0].name), given, "plimsoll:onnx")
    names = [kind.name for kind in kinds]
    minimum, maximum = read_bounds(given.minimum, names, "--minimum"), read_bounds(given.maximum, names, "--maximum")
    for kind in kinds:
        if needs_maximum(kind) and kind.name not in maximum:
            words = f"Largest value of input '{kind.name}', such as the size of its vocabulary minus 1"
            answered = questions.answer(Question(f"--maximum {kind.name}=NUMBER", words))
            maximum |= read_bounds([f"{kind.name}={answered}"], names, "--maximum")
    return Source(model, drawn_examples(kinds, minimum, maximum), minimum, maximum, "plimsoll:onnx", description=_DRAWN)


def _state_dict(given: Given, questions: Questions) -> Source:
    from plimsoll.runtime.pytorch.new_model import NewTorchModel

    factory = questions.answer(
        Question("--factory", "Function that makes your module, as package.module:callable"), given.factory
    )
    files = given.examples or [
        questions.answer(Question("--example", "File of example rows (.npy; .npz for several inputs)"))
    ]
    examples = read_examples(files)
    model = NewTorchModel(
        given.file.read_bytes(), given.parameters, factory=factory, output_names=[], bfloat16=examples.bfloat16
    )
    return _with_examples(model, examples, given, "plimsoll:cpu", factory)


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
