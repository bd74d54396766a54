"""Makes the right answers of an evaluation from the labels of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import typer

from plimsoll.bundle.manifest import Manifest
from plimsoll.cli.evaluation_file import OPTION, EvaluationRows
from plimsoll.quoting import quote
from plimsoll.runtime.tuning.evaluation import Evaluation, RightClasses, RightNumbers, Truth
from plimsoll.tasks import tabular_classification, tabular_regression
from plimsoll.tasks.tabular_classification import label_scores

_USUAL = ("label", "labels")
_MOST_SHOWN = 12


def label_columns(manifest: Manifest, label: str | None) -> list[str]:
    """The names under which the labels of the rows may be; none for a task without right answers.

    Raises:
        typer.BadParameter: `label` is given, and the task has no labels to judge by.
    """
    if manifest.task == tabular_classification.NAME:
        return [label] if label else list(_USUAL)
    if manifest.task == tabular_regression.NAME:
        targets = _targets(manifest)
        if len(targets) > 1 and label:
            raise typer.BadParameter(f"--label names one column, and the model has the targets {', '.join(targets)}")
        return targets if len(targets) > 1 else [label] if label else [*_USUAL, *targets]
    if label:
        raise typer.BadParameter(
            f"--label is for the tasks {tabular_classification.NAME} and {tabular_regression.NAME}; answers of the "
            f"task {quote(manifest.task)} are compared with those of the present bundle alone"
        )
    return []


def evaluation_of(manifest: Manifest, rows: EvaluationRows, file: str, label: str | None) -> Evaluation:
    """The rows with their right answers, as far as the file has them.

    Raises:
        typer.BadParameter: `label` is not in the file, or the labels are not those of the model.
    """
    if label and label not in rows.labels:
        raise typer.BadParameter(f"{OPTION} {file} has no {quote(label)}, which --label names")
    if len(rows.labels) > 1 and manifest.task != tabular_regression.NAME:
        names = " and ".join(map(quote, rows.labels))
        raise typer.BadParameter(f"{OPTION} {file} has {names}; --label says which one holds the labels")
    is_classifier = manifest.task == tabular_classification.NAME
    classes = label_scores(manifest.line_signature()) if is_classifier else None
    truth: Truth | None = None
    if rows.labels and classes is not None:
        ((_, labels),) = rows.labels.items()
        truth = RightClasses(classes, _positions(labels, classes.labels, file))
    elif rows.labels:
        truth = _numbers(manifest, rows.labels, file)
    return Evaluation(rows.inputs, truth, classes)


def _targets(manifest: Manifest) -> list[str]:
    return [name for spec in manifest.line_signature().outputs for name in tabular_regression.targets_of(spec)]


def _positions(labels: Sequence[Any], known: Sequence[str | int], file: str) -> Any:  # noqa: ANN401  # an array
    places = {str(label): place for place, label in enumerate(known)}
    positions = []
    for row, label in enumerate(labels):
        place = places.get(_text(label))
        if place is None:
            listed = ", ".join(quote(str(each), 32) for each in known[:_MOST_SHOWN])
            more = ", …" if len(known) > _MOST_SHOWN else ""
            raise typer.BadParameter(
                f"row {row} of {OPTION} {file} has the label {quote(str(label), 32)}, and the model knows "
                f"{listed}{more}"
            )
        positions.append(place)
    if len(set(positions)) == 1:
        raise typer.BadParameter(
            f"every row of {OPTION} {file} has the label {quote(_text(labels[0]), 32)}, and a model that always gives "
            "it would be right; give rows of several classes"
        )
    return np.array(positions, np.intp)


def _text(label: object) -> str:
    """A label as the model's are written; spreadsheets write 7 as 7.0."""
    text = str(label)
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() and text not in ("", "inf") and "." in text else text


def _numbers(manifest: Manifest, labels: Mapping[str, Sequence[Any]], file: str) -> RightNumbers:
    names = _targets(manifest)
    if len(names) > 1 and (missing := [name for name in names if name not in labels]):
        raise typer.BadParameter(
            f"{OPTION} {file} has no {quote(missing[0])}, which is a target of the model; give all or none"
        )
    columns = [labels[name] for name in names] if len(names) > 1 else [next(iter(labels.values()))]
    try:
        targets = np.array(columns, np.float64).T
    except ValueError:
        raise typer.BadParameter(
            f"{OPTION} {file} has a label that is no number, and the model gives numbers"
        ) from None
    if not np.isfinite(targets).all():
        raise typer.BadParameter(f"{OPTION} {file} has a label that is not finite")
    return RightNumbers([spec.name for spec in manifest.line_signature().outputs], targets.reshape(-1, len(names)))
