"""`plimsoll bundle create | verify | inspect | from-mar | export-onnx`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.bundle.tensor_records import Tensor
from plimsoll.cli.bundle_onnx import export_onnx
from plimsoll.cli.complaint import note
from plimsoll.cli.example_files import read_examples
from plimsoll.cli.from_mar import from_mar
from plimsoll.cli.input_bounds import read_bounds
from plimsoll.cli.json_options import read_json
from plimsoll.cli.new_models import check_datatypes, check_one_model, fill_module, name_of_input, open_graph
from plimsoll.cli.task_parts import (
    OptionsText,
    RequestsFile,
    TaskFiles,
    make_with_requests,
    options_of,
    read_files,
)
from plimsoll.cli.time_limit import time_limit
from plimsoll.errors import BundleError
from plimsoll.settings import load_settings
from plimsoll.tasks import TASKS, TaskBinder

bundle = typer.Typer(help="Create, check and inspect model bundles.", no_args_is_help=True)

TaskName = Annotated[
    str | None, typer.Option(help=f"Task of the model: {', '.join(TASKS)}.", show_default="by --labels")
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="For a model with one score per row: scores from this value on mean the last label.", show_default="0.5"
    ),
]
Examples = Annotated[
    list[str],
    typer.Option(
        help="Input rows, which become the golden samples: a .npy file, NAME=FILE.npy for each of several inputs, or "
        "one .npz or .safetensors file. A second file for an input has rows of another length.",
        metavar="[NAME=]FILE",
    ),
]
OutputNames = Annotated[
    list[str] | None,
    typer.Option(
        help="Name of an output tensor, in the order in which the model gives them. Where the model names them itself, "
        "only those given here are served.",
        show_default="output",
    ),
]
OnnxFile = Annotated[
    Path | None,
    typer.Option(
        help="An ONNX graph, in the place of --weights and what makes their architecture.", exists=True, dir_okay=False
    ),
]
AboutFile = Annotated[
    Path | None,
    typer.Option(help="JSON file with more manifest fields: description, metrics.", exists=True, dir_okay=False),
]
_BOUND = "[NAME=]NUMBER"
BundlePath = Annotated[Path, typer.Argument(help="Folder of the bundle, such as models/digits/1.")]


@bundle.command()
def create(
    name: Annotated[str, typer.Option(help="Lower-case letters, digits and dashes.")],
    version: Annotated[str, typer.Option(help="One to four numbers joined by dots. A version never changes.")],
    example: Examples,
    weights: Annotated[
        Path | None, typer.Option(help="The state dict: .safetensors, .pt, .pth or .bin.", exists=True, dir_okay=False)
    ] = None,
    onnx: OnnxFile = None,
    models: Annotated[Path, typer.Option(help="Folder of the bundles.")] = Path("models"),
    architecture: Annotated[str | None, typer.Option(help="A registered architecture, such as digits-mlp.")] = None,
    factory: Annotated[
        str | None, typer.Option(help="package.module:callable that makes the architecture. This command calls it.")
    ] = None,
    parameters: Annotated[str, typer.Option(help="Parameters of the architecture as JSON.")] = "{}",
    task: TaskName = None,
    labels: Annotated[str | None, typer.Option(help="Labels of a classifier as a JSON array.")] = None,
    threshold: Threshold = None,
    input_name: Annotated[
        str | None, typer.Option(help="Name of the input tensor.", show_default="input, or that of the ONNX graph")
    ] = None,
    output_name: OutputNames = None,
    minimum: Annotated[list[str] | None, typer.Option(help="Smallest value of an input.", metavar=_BOUND)] = None,
    maximum: Annotated[list[str] | None, typer.Option(help="Largest value of an input.", metavar=_BOUND)] = None,
    licence: Annotated[str, typer.Option(help="The licence of the weights, as an SPDX name.")] = "unknown",
    absolute_tolerance: Annotated[float, typer.Option(help="Absolute tolerance of the golden samples.", min=0)] = 1e-4,
    relative_tolerance: Annotated[float, typer.Option(help="Relative tolerance of the golden samples.", min=0)] = 1e-3,
    about: AboutFile = None,
    options: OptionsText = None,
    file: TaskFiles = None,
    requests: RequestsFile = None,
) -> None:
    """Create a bundle from trained weights. Runs the model to find its signature and golden samples."""
    from plimsoll.runtime.bundle_making import Recipe

    check_one_model(onnx, weights, architecture, factory)
    graph = None if onnx is None else open_graph(onnx, output_name)
    examples = read_examples(example, input_name or name_of_input(graph))
    check_datatypes(graph, examples)
    recipe = Recipe(
        name=name,
        version=version,
        task=task,
        examples=examples.by_length,
        bfloat16=examples.bfloat16,
        minimum=read_bounds(minimum or [], examples.names, "--minimum"),
        maximum=read_bounds(maximum or [], examples.names, "--maximum"),
        labels=read_json(labels, list, "--labels") if labels else None,
        threshold=threshold,
        licence=licence,
        absolute_tolerance=absolute_tolerance,
        relative_tolerance=relative_tolerance,
        about=options_of(options, read_json(about.read_bytes(), dict, "--about") if about else {}),
        files=read_files(file or [], ()),
    )
    given = read_json(parameters, dict, "--parameters")
    model = graph or fill_module(weights, given, architecture, factory, output_name, examples.bfloat16)
    made = make_with_requests(models, recipe, model, requests, factory)
    typer.echo(f"{made.path}: {name} {version}, digest {made.digest}")


@bundle.command()
def verify(
    path: BundlePath,
    device: Annotated[str, typer.Option(help="Device that runs the golden samples.")] = "cpu",
    trust_factory: Annotated[
        list[str] | None, typer.Option(help="package.module:callable that the bundle may import and call.")
    ] = None,
    trust_pt2: Annotated[bool, typer.Option(help="Load a .pt2 program. A hostile one can run its own code.")] = False,
) -> None:
    """Run every check that a server with these settings runs before it is ready. Exit with 1 if one fails."""
    from plimsoll.runtime.loader_options import LoaderOptions
    from plimsoll.runtime.loading import new_loader
    from plimsoll.runtime.task_factories import TaskFactories

    chosen = load_settings()
    factories = (*chosen.factories, *(trust_factory or ()))
    options = LoaderOptions(device, trust_pt2=trust_pt2 or chosen.trust_pt2, factories=factories)
    loader = new_loader(
        options,
        max_batch_rows=chosen.max_batch_rows,
        max_batch_elements=chosen.max_batch_elements,
        inline_budget_seconds=0,
    )
    try:
        opened = open_bundle(path)
        opened.verify_place()
        _passed("manifest", f"{opened.manifest.name} {opened.manifest.version}")
        if remark := opened.manifest.remark():
            note(remark)
        opened.verify_files()
        _passed("files", f"{len(opened.manifest.files)} files with the right sha256")
        task = TaskBinder(TaskFactories(factories))(opened).task
        _passed("task", f"{opened.manifest.task} can ask it")
        model = loader.load(opened)
        _passed("weights", f"{model.parameters} parameters on {model.device}")
        with time_limit(model, chosen.start_seconds):
            samples = loader.prove(opened, model)
            _passed("golden", f"every sample within {opened.manifest.golden.absolute_tolerance:g}")
            if requests := loader.prove_requests(opened, model, task):
                _passed("golden", f"requests: {requests} answered as expected")
            _passed("independence", "golden rows are answered alike alone, in pairs and in a full batch")
            if model.padding is not None:
                longest = model.padding.longest
                _passed("padding", f"golden rows are answered alike when they are padded to {longest} places")
            _passed("warm-up", f"batches of up to {max(loader.warm(model, samples))} rows")
    except BundleError as error:
        typer.echo(f"{typer.style('fail', fg=typer.colors.RED)} {error.check:12} {error}")
        raise typer.Exit(1) from None


@bundle.command()
def inspect(path: BundlePath) -> None:
    """Print the manifest, without opening any other file."""
    opened = open_bundle(path)
    for name, value in _facts(opened):
        typer.echo(f"{typer.style(f'{name:12}', bold=True)} {value}")


bundle.command()(from_mar)
bundle.command()(export_onnx)


def _passed(check: str, found: str) -> None:
    typer.echo(f"{typer.style('ok', fg=typer.colors.GREEN)}   {check:12} {found}")


def _facts(opened: Bundle) -> list[tuple[str, str]]:
    manifest = opened.manifest
    tensors = {"input": manifest.signature.inputs, "output": manifest.signature.outputs}
    facts = [
        ("model", f"{manifest.name} {manifest.version}"),
        ("task", manifest.task),
        ("description", manifest.description),
        ("digest", opened.digest),
        ("format", manifest.model.format),
        ("framework", f"{manifest.framework.name} {manifest.framework.version}"),
        ("licence", manifest.licence),
        *(
            (side, f"{tensor.name}: {tensor.datatype} {tensor.shape}{_threshold(tensor)}")
            for side, listed in tensors.items()
            for tensor in listed
        ),
        *(
            (name, f"{metric.value:g} [{metric.low:g}, {metric.high:g}] on {metric.rows} rows ({metric.method})")
            for name, metric in manifest.metrics.items()
        ),
    ]
    if manifest.training_data is not None:
        data = manifest.training_data
        facts.append(("trained on", f"{data.rows} rows of {data.name} ({data.licence}), {data.source}"))
    return facts


def _threshold(tensor: Tensor) -> str:
    return "" if tensor.threshold is None else f", '{(tensor.labels or [''])[-1]}' from {tensor.threshold:g} on"
