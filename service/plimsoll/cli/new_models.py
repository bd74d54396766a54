"""Opens the model of `plimsoll bundle create`: an ONNX graph, or weights in a module of torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from plimsoll.bundle.installed_packages import fault_of_packages
from plimsoll.cli.example_files import Examples
from plimsoll.errors import OperatorError
from plimsoll.runtime.new_model import NewModel
from plimsoll.runtime.onnx_file import MAX_FILE_BYTES

if TYPE_CHECKING:
    from plimsoll.runtime.onnx.new_model import NewOnnxModel

_NAME_OF_INPUT = "input"


def check_one_model(onnx: Path | None, weights: Path | None, architecture: str | None, factory: str | None) -> None:
    """Refuse options that name no model, or two.

    Raises:
        typer.BadParameter: with the options to give.
    """
    if onnx is not None:
        options = {"--weights": weights, "--architecture": architecture, "--factory": factory}
        if surplus := [option for option, value in options.items() if value is not None]:
            raise typer.BadParameter(f"--onnx names a whole model, and {surplus[0]} is for one of torch; give only one")
    elif weights is None:
        raise typer.BadParameter("give --onnx, or --weights with --architecture or --factory")
    elif (architecture is None) == (factory is None):
        raise typer.BadParameter("give either --architecture or --factory")


def open_graph(onnx: Path, outputs: Sequence[str] | None) -> NewOnnxModel:
    """The graph of an ONNX file; `outputs` chooses among those that it has.

    Raises:
        OperatorError: ONNX Runtime is not installed.
        BundleError: no bundle can be made of the graph.
        typer.BadParameter: the file is too long, or cannot be read.
    """
    _check_installed("an ONNX file", "onnxruntime", "onnx")
    from plimsoll.runtime.onnx.new_model import NewOnnxModel

    try:
        if (size := onnx.stat().st_size) > MAX_FILE_BYTES:
            raise typer.BadParameter(f"--onnx {onnx.name} has {size} bytes, and an ONNX file at most {MAX_FILE_BYTES}")
        content = onnx.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"--onnx {onnx.name} cannot be read: {error.strerror}") from None
    return NewOnnxModel(content, file=onnx.name, outputs=outputs or None)


def name_of_input(graph: NewModel | None) -> str:
    """The name of an input whose example has none: the only one of a graph, or `input`."""
    names = (graph.input_names if graph else None) or ()
    return names[0] if len(names) == 1 else _NAME_OF_INPUT


def check_datatypes(graph: NewModel | None, examples: Examples) -> None:
    """Refuse examples of bfloat16 for a graph.

    Raises:
        typer.BadParameter: an example is bfloat16.
    """
    if graph is not None and examples.bfloat16:
        name = min(examples.bfloat16)
        raise typer.BadParameter(
            f"--example of '{name[:40]}' is bfloat16, which ONNX Runtime takes from no client; let the graph begin "
            "with a cast, and give float32"
        )


def fill_module(
    weights: Path | None,
    parameters: Mapping[str, Any],
    architecture: str | None,
    factory: str | None,
    outputs: Sequence[str] | None,
    bfloat16: Collection[str],
) -> NewModel:
    """A module of torch with weights from a file.

    Raises:
        OperatorError: torch is not installed.
        BundleError: the weights do not fit the module, or it cannot be made.
    """
    _check_installed("a state dict", "torch", "torch")
    from plimsoll.runtime.pytorch.new_model import NewTorchModel

    return NewTorchModel(
        cast(Path, weights),  # `check_one_model` has refused to go on without
        parameters,
        architecture=architecture,
        factory=factory,
        output_names=outputs or [],
        bfloat16=bfloat16,
    )


def _check_installed(user: str, package: str, extra: str) -> None:
    if fault := fault_of_packages(user, [package], extra):
        raise OperatorError(fault)
