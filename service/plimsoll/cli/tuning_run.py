"""Runs the tuning of a bundle for the command: from its choices to the findings and the written bundle."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import typer
from rich.console import Console

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.model_formats import SafetensorsModel
from plimsoll.bundle.next_version import check_version
from plimsoll.cli.complaint import note
from plimsoll.cli.evaluation_file import read_evaluation
from plimsoll.cli.evaluation_truth import evaluation_of, label_columns
from plimsoll.cli.tuning_table import outcome, print_table, remark, table_width
from plimsoll.errors import BundleError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.task_factories import TaskFactories
from plimsoll.runtime.tuning.evaluation import Evaluation
from plimsoll.runtime.tuning.makers import makers_of
from plimsoll.runtime.tuning.tuned_bundle import Occasion, check_untuned, findings, write_tuned
from plimsoll.runtime.tuning.tuner import Progress, Rule, Tuner, Tuning
from plimsoll.settings import Settings
from plimsoll.tasks import TaskBinder


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of the command; `folder` is the one for the new bundle."""

    version: str
    folder: Path
    evaluate: Path | None
    label: str | None
    rule: Rule
    factories: tuple[str, ...]
    trust_pt2: bool
    write: bool


class Tuned(NamedTuple):
    """The end of a tuning: its document, and the bundle that was written, if one was."""

    tuning: Tuning
    document: dict[str, Any]
    written: Bundle | None


def tune_bundle(bundle: Bundle, choices: Choices, settings: Settings, progress: Progress) -> Tuned:
    """Tune a bundle.

    Raises:
        typer.BadParameter: the file of the evaluation cannot be used.
        BundleError: the bundle fails a check, was tuned already, or the new version exists.
    """
    check_untuned(bundle)
    check_version(choices.version)
    target = choices.folder / bundle.manifest.name / choices.version
    if choices.write and target.exists():
        raise BundleError(
            "files", f"{bundle.manifest.name} {choices.version} exists already; choose another one with --version"
        )
    bundle.verify_files()
    task = TaskBinder(TaskFactories(choices.factories))(bundle).task
    evaluation, occasion = None, Occasion(settings.forward_threads)
    if choices.evaluate is not None:
        columns = label_columns(bundle.manifest, choices.label)
        rows = read_evaluation(choices.evaluate, task, bundle.manifest.line_signature(), columns)
        evaluation = evaluation_of(bundle.manifest, rows, choices.evaluate.name, choices.label)
        digest = hashlib.sha256(choices.evaluate.read_bytes()).hexdigest()
        occasion = Occasion(settings.forward_threads, choices.evaluate.name, digest)
    _check_loss(choices, evaluation)
    with tempfile.TemporaryDirectory(prefix="plimsoll-tune-") as folder:
        tuner = Tuner(
            bundle,
            choices.version,
            task,
            _loader(choices, settings),
            _loader(choices, settings, packs_weights=False) if _packs(bundle) else None,
            evaluation,
            choices.rule,
            Path(folder),
            progress,
        )
        found = tuner.run(makers_of(bundle, evaluation.inputs if evaluation else None, choices.factories))
        document = findings(bundle, found, choices.rule, evaluation, occasion)
        written = write_tuned(choices.folder, bundle, found, document) if choices.write else None
    return Tuned(found, document, written)


def written(tuned: Tuned) -> dict[str, str] | None:
    """The bundle that was written, for JSON."""
    made = tuned.written
    return None if made is None else {"path": str(made.path), "digest": made.digest}


def show(tuned: Tuned, sizes: Sequence[int]) -> None:
    """Print the table of the candidates, and which one is kept."""
    console, document = Console(highlight=False), tuned.document
    console.width = table_width(console)
    print_table(console, tuned.tuning, sizes, (document["evaluation"] or {}).get("measure"))
    if found := remark(tuned.tuning):
        note(found)
    typer.echo(outcome(document["model"], document["tuned_from"], tuned.tuning))
    if (made := tuned.written) is not None:
        typer.echo(f"{made.path}: {made.manifest.name} {made.manifest.version}, digest {made.digest}")


def _check_loss(choices: Choices, evaluation: Evaluation | None) -> None:
    if choices.rule.allowed_loss is None or (evaluation is not None and evaluation.truth is not None):
        return
    given = "no --evaluate is given" if choices.evaluate is None else f"{choices.evaluate.name} has none"
    raise typer.BadParameter(f"--allow-loss is about right answers, which --evaluate has with its rows, and {given}")


def _packs(bundle: Bundle) -> bool:
    model = bundle.manifest.model
    return isinstance(model, SafetensorsModel) and model.precision is None


def _loader(choices: Choices, settings: Settings, *, packs_weights: bool = True) -> ModelLoader:
    options = LoaderOptions(
        "cpu", choices.trust_pt2, choices.factories, settings.forward_threads, packs_weights=packs_weights
    )
    return new_loader(
        options,
        max_batch_rows=settings.max_batch_rows,
        inline_budget_seconds=settings.inline_budget_ms / 1000,
        max_batch_elements=settings.max_batch_elements,
    )
