"""`plimsoll bundle create | verify | inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.bundle.tensor_records import Tensor
from plimsoll.errors import BundleError
from plimsoll.inference.task_threads import UnobservedTask
from plimsoll.settings import load_settings
from plimsoll.tasks import TASKS, TaskBinder, bind_task

bundle = typer.Typer(help="Create, check and inspect model bundles.", no_args_is_help=True)

_NOTE = typer.style("note", fg=typer.colors.YELLOW)
TaskName = Annotated[
    str | None, typer.Option(help=f"Task of the model: {', '.join(TASKS)}.", show_default="by --labels")
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="For a model with one score per row: scores from this value on mean the last label.", show_default="0.5"
    ),
]
BundlePath = Annotated[Path, typer.Argument(help="Folder of the bundle, such as models/digits/1.")]


@bundle.command()
def create(
    name: Annotated[str, typer.Option(help="Lower-case letters, digits and dashes.")],
    version: Annotated[str, typer.Option(help="One to four numbers joined by dots. A version never changes.")],
    weights: Annotated[Path, typer.Option(help="The state dict as safetensors.", exists=True, dir_okay=False)],
    example: Annotated[
        Path,
        typer.Option(help="Input rows as .npy; they become the golden samples.", exists=True, dir_okay=False),
    ],
    models: Annotated[Path, typer.Option(help="Folder of the bundles.")] = Path("models"),
    architecture: Annotated[str | None, typer.Option(help="A registered architecture, such as digits-mlp.")] = None,
    factory: Annotated[
        str | None, typer.Option(help="package.module:callable that makes the architecture. This command calls it.")
    ] = None,
    parameters: Annotated[str, typer.Option(help="Parameters of the architecture as JSON.")] = "{}",
    task: TaskName = None,
    labels: Annotated[str | None, typer.Option(help="Labels of a classifier as a JSON array.")] = None,
    threshold: Threshold = None,
    input_name: Annotated[str, typer.Option(help="Name of the input tensor.")] = "input",
    output_name: Annotated[str, typer.Option(help="Name of the output tensor.")] = "output",
    minimum: Annotated[float | None, typer.Option(help="Smallest value of an input.")] = None,
    maximum: Annotated[float | None, typer.Option(help="Largest value of an input.")] = None,
    licence: Annotated[str, typer.Option(help="The licence of the weights, as an SPDX name.")] = "unknown",
    absolute_tolerance: Annotated[float, typer.Option(help="Absolute tolerance of the golden samples.", min=0)] = 1e-4,
    relative_tolerance: Annotated[float, typer.Option(help="Relative tolerance of the golden samples.", min=0)] = 1e-3,
    about: Annotated[
        Path | None,
        typer.Option(help="JSON file with more manifest fields: description, metrics.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Create a bundle from trained weights. Runs the model to find its signature and golden samples."""
    from plimsoll.runtime.pytorch.bundle_making import Recipe, make_bundle

    if (architecture is None) == (factory is None):
        raise typer.BadParameter("give either --architecture or --factory")
    recipe = Recipe(
        name=name,
        version=version,
        architecture=architecture,
        factory=factory,
        task=task,
        parameters=_json(parameters, dict, "--parameters"),
        weights=weights.read_bytes(),
        example=_array(example),
        input_name=input_name,
        output_name=output_name,
        minimum=minimum,
        maximum=maximum,
        labels=_json(labels, list, "--labels") if labels else None,
        threshold=threshold,
        licence=licence,
        absolute_tolerance=absolute_tolerance,
        relative_tolerance=relative_tolerance,
        about=_json(about.read_bytes(), dict, "--about") if about else {},
    )
    made = make_bundle(models, recipe, _note, bind_task)
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
    loader = new_loader(options, max_batch_rows=chosen.max_batch_rows, inline_budget_seconds=0)
    try:
        opened = open_bundle(path)
        opened.verify_place()
        _passed("manifest", f"{opened.manifest.name} {opened.manifest.version}")
        if remark := opened.manifest.remark():
            _note(remark)
        opened.verify_files()
        _passed("files", f"{len(opened.manifest.files)} files with the right sha256")
        task = TaskBinder(TaskFactories(factories), lambda _name, _version: UnobservedTask())(opened).task
        _passed("task", f"{opened.manifest.task} can ask it")
        model = loader.load(opened)
        _passed("weights", f"{model.parameters} parameters on {model.device}")
        samples = loader.prove(opened, model)
        _passed("golden", f"every sample within {opened.manifest.golden.absolute_tolerance:g}")
        if requests := loader.prove_requests(opened, model, task):
            _passed("golden", f"requests: {requests} answered as expected")
        _passed("independence", "golden rows are answered alike alone, in pairs and in a full batch")
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


def _note(text: str) -> None:
    typer.echo(f"{_NOTE} {text}", err=True)


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


def _json(text: str | bytes, kind: type, option: str) -> Any:  # noqa: ANN401  # of that kind
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{option} is not JSON: {error}") from None
    if not isinstance(document, kind):
        raise typer.BadParameter(f"{option} should be a JSON {'object' if kind is dict else 'array'}")
    return document


def _array(path: Path) -> NDArray[Any]:
    try:
        with path.open("rb") as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as error:  # noqa: BLE001  # numpy reads the header as Python, so a broken one raises anything
        raise typer.BadParameter(f"--example is not a .npy file of numbers: {error}") from None
