"""`plimsoll bundle tune`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.next_version import version_after
from plimsoll.cli.bundle import BundlePath, bundle
from plimsoll.cli.bundle_folders import folder_of_bundles
from plimsoll.cli.complaint import note
from plimsoll.cli.tuning_plot import caption_of, check_plot, draw
from plimsoll.settings import load_settings

_SIZES = (1, 8, 64)
_MOST_SIZES = 8

Evaluate = Annotated[
    Path | None,
    typer.Option(
        help="Rows that the model has not learned from, at least 20: .csv with a line of names; .npz, .npy or "
        ".safetensors with a tensor for each input; .jsonl with a request of one row in each line. They calibrate "
        "int8, and with labels they measure accuracy.",
        show_default="the golden samples, and every answer must lie within their tolerance",
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        help="Column, tensor or field of the right answers in --evaluate.",
        show_default="label or labels; the names of the targets of a regression",
    ),
]
AllowLoss = Annotated[
    float | None,
    typer.Option(
        help="Share of accuracy that a candidate may lose, with 95 % confidence: 0.005 is half a percent of the rows. "
        "For a regression, the share by which the mean absolute error may grow. It needs --evaluate with labels.",
        show_default="none: every answer within the golden tolerance",
        min=0,
        max=0.5,
    ),
]
Rows = Annotated[
    list[int] | None,
    typer.Option(help="Rows of a batch to measure; may be given several times.", show_default="1, 8 and 64", min=1),
]


_HELP = (
    "Find a faster form of a bundle that has not lost its answers, and write it as the next version.\n\n"
    "Candidates: ONNX Runtime in float32 and in int8, and PyTorch in bfloat16 if the processor has it. Each is checked "
    "as a server checks it, compared with the present bundle row by row, and measured by turns. The fastest that keeps "
    "its answers is written, with all findings in its tuning.json.\n\n"
    "By default a candidate keeps its answers if all lie within the golden tolerance. int8 and bfloat16 round more "
    "than that: they need --evaluate with labels, and --allow-loss.\n\n"
    "[bold]plimsoll bundle tune models/digits/2 --evaluate heldout.csv --allow-loss 0.005[/bold]\n\n"
    "Exit code 0 also means that the present bundle is the fastest, and that nothing was written."
)


@bundle.command(help=_HELP)
def tune(
    path: BundlePath,
    evaluate: Evaluate = None,
    label: Label = None,
    allow_loss: AllowLoss = None,
    rows: Rows = None,
    turns: Annotated[int, typer.Option(help="Turns of each measurement; a turn takes 0.1 s.", min=3, max=100)] = 7,
    version: Annotated[
        str | None, typer.Option(help="Version of the new bundle.", show_default="the version of the bundle and .1")
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(help="Folder for the new bundle.", show_default="the one that the bundle lies in"),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the speeds into this file: .png, .svg or .pdf.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure and show, and write no bundle.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    trust_factory: Annotated[
        list[str] | None, typer.Option(help="package.module:callable that the bundle may import and call.")
    ] = None,
    trust_pt2: Annotated[bool, typer.Option(help="Load a .pt2 program. A hostile one can run its own code.")] = False,
) -> None:
    """Find a faster form of a bundle that has not lost its answers, and write it as the next version."""
    from plimsoll.cli.tuning_run import Choices, show, tune_bundle, written
    from plimsoll.cli.tuning_table import ShownProgress
    from plimsoll.runtime.tuning.tuner import Progress, Rule

    settings = load_settings()
    opened = open_bundle(path)
    if plot is not None:
        check_plot(plot)
    choices = Choices(
        version=version or version_after(opened.manifest.version),
        folder=models or folder_of_bundles(path),
        evaluate=evaluate,
        label=label,
        rule=Rule(allow_loss, _sizes(rows, settings.max_batch_rows), turns),
        factories=(*settings.factories, *(trust_factory or ())),
        trust_pt2=trust_pt2 or settings.trust_pt2,
        write=not dry_run,
    )
    with ShownProgress(Console(stderr=True)) as shown:
        tuned = tune_bundle(opened, choices, settings, Progress(shown.step, shown.turn))
    if plot is not None:
        title = f"{opened.manifest.name} {opened.manifest.version}"
        draw(plot, tuned.tuning, choices.rule.sizes, title, caption_of(tuned.document))
    if as_json:
        typer.echo(json.dumps({**tuned.document, "written": written(tuned)}, indent=2, ensure_ascii=False))
        return
    show(tuned, choices.rule.sizes)
    if evaluate is None:
        note(
            "without --evaluate no answer may leave the golden tolerance, int8 is left out and no accuracy is measured"
        )


def _sizes(rows: Sequence[int] | None, most: int) -> list[int]:
    """The batch sizes to measure, in ascending order.

    Raises:
        typer.BadParameter: there are too many, or one is larger than a batch of the server can be.
    """
    if rows is None:
        return [size for size in _SIZES if size <= most]
    if len(rows) > _MOST_SIZES:
        raise typer.BadParameter(f"--rows is given {len(rows)} times, and {_MOST_SIZES} is the most")
    if max(rows) > most:
        raise typer.BadParameter(
            f"--rows {max(rows)} is more than a batch has, which is {most} (PLIMSOLL_MAX_BATCH_ROWS)"
        )
    return sorted(set(rows))
