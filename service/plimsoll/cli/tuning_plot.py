"""Draws the findings of a tuning with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from plimsoll.runtime.tuning.candidates import Candidate
from plimsoll.runtime.tuning.tuned_bundle import threads_of
from plimsoll.runtime.tuning.tuner import Tuning

_KEPT, _REFUSED, _OTHER = "#0b5fa5", "#b5452c", "#8c8c8c"
_WIDTH = 9.0
_HEIGHT_OF_BAR = 0.3


def check_plot(path: Path) -> None:
    """Refuse a plot that could not be written.

    Raises:
        typer.BadParameter: matplotlib is not installed, the file has another ending, or its folder is missing.
    """
    if find_spec("matplotlib") is None:
        raise typer.BadParameter("--plot needs matplotlib, which is not installed here; pip install 'plimsoll[plot]'")
    if path.suffix not in {".png", ".svg", ".pdf"}:
        raise typer.BadParameter(f"--plot {path.name} should end in .png, .svg or .pdf")
    if not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"--plot {path} is in a folder that does not exist")


def draw(path: Path, tuning: Tuning, sizes: Sequence[int], title: str, caption: str) -> None:
    """Write a panel for each batch size: how many times as fast each candidate is as the present bundle."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    measured = [each for each in tuning.candidates if each.speeds][::-1]
    figure, axes = plt.subplots(
        1,
        len(sizes),
        figsize=(_WIDTH, 1.5 + _HEIGHT_OF_BAR * len(measured)),
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for axis, size in zip(axes[0], sizes, strict=True):
        speeds = [each.speeds[size] for each in measured]
        medians = [each.median for each in speeds]
        axis.barh(
            [each.name for each in measured],
            medians,
            xerr=[[each.median - each.low for each in speeds], [each.high - each.median for each in speeds]],
            color=[_colour(each, tuning) for each in measured],
            error_kw={"elinewidth": 0.8, "capsize": 2},
        )
        for place, each in enumerate(speeds):
            axis.annotate(f" {each.median:.2g}", (each.high, place), va="center", fontsize=8)
        axis.axvline(1, color="black", lw=0.8, ls=":")
        axis.set_xlim(0, max(each.high for each in speeds) * 1.2)
        axis.set_title(f"batch of {size} row{'' if size == 1 else 's'}", loc="left", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(
        "times as fast as the present bundle; blue is kept, red has lost too much of its answers", fontsize=9
    )
    figure.suptitle(f"{title}\n{caption}", fontsize=9, x=0.01, ha="left")
    figure.savefig(path, dpi=120, metadata={"Software": None} if path.suffix == ".png" else None)
    plt.close(figure)


def caption_of(document: Mapping[str, Any]) -> str:
    """The circumstances of the findings, in one line."""
    evaluation = document["evaluation"]
    rows = "golden rows" if evaluation is None else f"{evaluation['rows']} rows of {evaluation['file']}"
    return f"{rows}; medians of {document['turns']} turns, bars are quartiles; {threads_of(document)}"


def _colour(candidate: Candidate, tuning: Tuning) -> str:
    if candidate is tuning.chosen:
        return _KEPT
    return _REFUSED if candidate.standing == "refused" else _OTHER
