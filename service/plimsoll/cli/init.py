"""`plimsoll init`: from a file of one's own to a bundle that has passed every check, and to the next commands."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from plimsoll.bundle.folder import Bundle
from plimsoll.cli.init_sources import Given, Source, read_source
from plimsoll.cli.json_options import read_json
from plimsoll.cli.questions import Question, Questions
from plimsoll.cli.starter_files import Starter
from plimsoll.cli.task_parts import (
    OptionsText,
    RequestsFile,
    TaskFiles,
    make_with_requests,
    options_of,
    read_files,
)
from plimsoll.cli.time_limit import time_limit
from plimsoll.drafts import replace_file
from plimsoll.errors import OperatorError
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.ports import Task
from plimsoll.settings import load_settings
from plimsoll.tasks import TASKS, bind_task

_BOUND = "[NAME=]NUMBER"
_NAME = Question("--name", "Name of the model (lower-case letters, digits and dashes)")
_LABELS = Question("--labels", "Labels of the classes as a JSON array; empty if it is no classifier", "")

ModelFile = Annotated[
    Path,
    typer.Argument(help="An ONNX file, a state dict with --factory, or a folder of Hugging Face.", exists=True),
]
ExampleFiles = Annotated[
    list[str] | None,
    typer.Option(help="Input rows as in bundle create; drawn at random for ONNX.", metavar="[NAME=]FILE"),
]
Factory = Annotated[
    str | None, typer.Option(help="package.module:callable that makes the module of a state dict. It is called.")
]
TaskName = Annotated[
    str | None, typer.Option(help=f"Task of the model: {', '.join(TASKS)}.", show_default="by --labels")
]
Ask = Annotated[
    bool | None, typer.Option("--ask/--no-ask", help="Ask for what is missing.", show_default="on a terminal")
]


OutputNames = Annotated[
    list[str] | None, typer.Option(help="Name of an output, as in bundle create.", show_default="all outputs")
]


def init(
    model: ModelFile,
    name: Annotated[str | None, typer.Option(help="Name of the model.", show_default="that of the file")] = None,
    version: Annotated[str | None, typer.Option(help="Version of the model.", show_default="the next one")] = None,
    factory: Factory = None,
    parameters: Annotated[str, typer.Option(help="Parameters of the factory as JSON.")] = "{}",
    example: ExampleFiles = None,
    output_name: OutputNames = None,
    minimum: Annotated[list[str] | None, typer.Option(help="Smallest value of an input.", metavar=_BOUND)] = None,
    maximum: Annotated[list[str] | None, typer.Option(help="Largest value of an input.", metavar=_BOUND)] = None,
    labels: Annotated[str | None, typer.Option(help="Labels of a classifier as a JSON array.")] = None,
    task: TaskName = None,
    licence: Annotated[str, typer.Option(help="The licence of the model, as an SPDX name.")] = "unknown",
    options: OptionsText = None,
    file: TaskFiles = None,
    requests: RequestsFile = None,
    models: Annotated[Path, typer.Option(help="Folder of the bundles.")] = Path("models"),
    ask: Ask = None,
) -> None:
    """Make a bundle of your model, check it as a server would, and print what to type next.

    Writes the bundle, a request that is answered, and values for the chart. Nothing is written if a check fails.
    """
    from plimsoll.runtime.bundle_making import Recipe

    questions = Questions(ask=sys.stdin.isatty() if ask is None else ask)
    typer.echo(f"reading {model.name}")
    described = read_json(parameters, dict, "--parameters")
    given = Given(model, factory, described, example or [], output_name or [], minimum or [], maximum or [])
    source = read_source(given, questions)
    chosen = questions.answer(_NAME._replace(default=_name_of(model)), name)
    number = questions.answer(Question("--version", "Version", _next_version(models / chosen)), version)
    if labels and not source.takes_labels:
        raise typer.BadParameter("--labels is not for a folder of Hugging Face: its outputs are served as they are")
    classes = questions.answer(_LABELS, labels) if source.takes_labels else ""
    recipe = Recipe(
        name=chosen,
        version=number,
        task=task,
        examples=source.examples,
        minimum=source.minimum,
        maximum=source.maximum,
        bfloat16=source.bfloat16,
        labels=read_json(classes, list, "--labels") if classes else None,
        licence=licence,
        about=options_of(options, source.about),
        files=read_files(file or [], ()),
    )
    made = make_with_requests(models, recipe, source.model, requests, source.factory)
    _show(_started(made, source))


def _started(made: Bundle, source: Source) -> Starter:
    """Check a new bundle and write its files; removes it if that fails."""
    try:
        starter = Starter(made, source.image, source.factory)
        task = bind_task(made.manifest, made.read)
        _write(starter.files(task, _checked(made, task, source.factory)))
    except BaseException:
        shutil.rmtree(made.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            made.path.parent.rmdir()  # if this would have been the first version
        raise
    return starter


def _show(starter: Starter) -> None:
    typer.echo(f"made    {starter.bundle.path}, {', '.join(starter.names)}")
    for title, commands in (("here", starter.commands_here()), ("on a cluster", starter.commands_on_a_cluster())):
        typer.echo(f"\nTry it {title}:\n\n" + "\n".join(f"  {command}" for command in commands))


def _checked(made: Bundle, task: Task, factory: str | None) -> Tensors:
    """Run every check of a server, with its settings; returns the first golden row, without the batch dimension."""
    from plimsoll.runtime.loader_options import LoaderOptions
    from plimsoll.runtime.loading import new_loader

    chosen = load_settings()
    loader = new_loader(
        LoaderOptions(factories=[factory] if factory else []),
        max_batch_rows=chosen.max_batch_rows,
        max_batch_elements=chosen.max_batch_elements,
        inline_budget_seconds=0,
    )
    made.verify_files()
    model = loader.load(made)
    with time_limit(model, chosen.start_seconds):
        samples = loader.prove(made, model)
        requests = loader.prove_requests(made, model, task)
        loader.warm(model, samples)
    asked = f", {requests} golden requests" if requests else ""
    rows = len(next(iter(samples.inputs.values())))
    typer.echo(f"checked {model.parameters} parameters, {rows} golden samples{asked}")
    return {name: tensor[0] for name, tensor in samples.inputs.items()}


def _write(files: Mapping[str, bytes]) -> None:
    """Write files into the current folder; none is written if one of them exists."""
    for file in files:
        if Path(file).exists():
            raise OperatorError(f"{file} exists already; remove it, or choose another --version")
    written: list[Path] = []
    try:
        for file, content in files.items():
            replace_file(Path(file), content, mode=0o644)
            written.append(Path(file))
    except OSError as error:
        for each in written:
            each.unlink(missing_ok=True)
        raise OperatorError(f"the files of the bundle cannot be written here: {error.strerror}") from None


def _name_of(model: Path) -> str:
    """A name made of that of the file."""
    return re.sub(r"[^a-z0-9]+", "-", model.stem.lower()).strip("-")[:63].strip("-") or "model"


def _next_version(folder: Path) -> str:
    firsts = [entry.name.partition(".")[0] for entry in folder.iterdir()] if folder.is_dir() else []
    return str(max((int(each) for each in firsts if each.isdecimal()), default=0) + 1)
