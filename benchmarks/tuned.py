"""The candidates of `plimsoll bundle tune` for the digits models and for a large model of the same digits.

Run by `python -m benchmarks.tuned --transcript benchmarks/results/tune.md --picture benchmarks/results/tune.png`. The
digits models are judged on all 1 000 held-out digits. The large model, 784-4096-4096-10, is trained here on half of
them and judged on the other half: a loss of accuracy means nothing with random weights. Nothing is written to models/.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.cli.tuning_plot import caption_of, draw
from plimsoll.cli.tuning_run import Tuned
from plimsoll.cli.tuning_table import outcome, time_in_words
from plimsoll.runtime.tuning.candidates import Candidate
from plimsoll.runtime.tuning.tuned_bundle import threads_of
from plimsoll.settings import load_settings

from benchmarks.digits_tuning import ALLOWED_LOSS, SIZES, tune_by_digits
from benchmarks.large_model import Digits, held_out_digits, judging_digits, make_large_bundle
from benchmarks.report import console, this_occasion
from benchmarks.server import REPOSITORY

_DIGITS = REPOSITORY / "models" / "digits"
_LARGE = "a large model, 784-4096-4096-10"
_COLUMNS = ["candidate", *(f"{size} rows" if size > 1 else "1 row" for size in SIZES), "speed"]
_OF_ANSWERS = ["accuracy, 95 %", "loss, and at most", "answered alike", "off by", ""]


@dataclass(frozen=True, slots=True)
class Subject:
    """A bundle to tune, with the rows that judge it."""

    about: str
    bundle: Bundle
    digits: Digits


def main() -> int:
    """Tune each model, show its table and write the transcript."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuned", description=__doc__)
    parser.add_argument("--turns", type=int, default=15, help="turns of each measurement")
    parser.add_argument("--transcript", type=Path, help="write what was found into this file, as Markdown")
    parser.add_argument("--picture", type=Path, help="draw the speeds of the large model into this file")
    options = parser.parse_args()
    shown = console()
    parts = [_head(f"{parser.prog} --turns {options.turns}")]
    with tempfile.TemporaryDirectory() as folder:
        for subject in _subjects(Path(folder)):
            with shown.status(subject.about):
                tuned = tune_by_digits(subject.bundle, subject.digits, options.turns, load_settings())
            parts.append(_markdown(subject, tuned))
            sys.stdout.write(parts[-1] + "\n\n")
    if options.picture is not None:
        draw(options.picture, tuned.tuning, SIZES, subject.about, caption_of(tuned.document))
        parts.append(f"![speeds of the large model]({options.picture.name})")
    if options.transcript is not None:
        options.transcript.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return 0


def _head(command: str) -> str:
    occasion = this_occasion()
    return f"""# Candidates of `plimsoll bundle tune`

Made by `{command}`; overwritten by the next run.

| | |
|---|---|
| commit | {occasion.commit} |
| date | {occasion.date} |
| machine | {occasion.machine} |
| load in the minute before | {occasion.busy} |
| ONNX Runtime | {version("onnxruntime")} |

Times of a batch are medians of the turns; a turn is the fastest run of 0.1 s. In brackets: how many times as fast as
the present bundle, turn by turn. The column `speed` is their geometric mean over the batches. A loss is of accuracy, as
counted and at most with 95 % confidence; at most {ALLOWED_LOSS:.0%} is allowed."""


def _subjects(folder: Path) -> Iterator[Subject]:
    yield Subject("digits 1, 784-256-128-10", open_bundle(_DIGITS / "1"), held_out_digits())
    yield Subject("digits 2, a small convolutional network", open_bundle(_DIGITS / "2"), held_out_digits())
    yield Subject(_LARGE, make_large_bundle(folder, "large", "1"), judging_digits())


def _markdown(subject: Subject, tuned: Tuned) -> str:
    manifest, chosen = subject.bundle.manifest, tuned.tuning.chosen
    columns = _COLUMNS + _OF_ANSWERS
    lines = [
        f"## {subject.about}",
        "",
        f"{len(subject.digits.labels)} rows; {threads_of(tuned.document)}.",
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
        *(f"| {' | '.join(_cells(each, kept=each is chosen))} |" for each in tuned.tuning.candidates),
        "",
        *(f"- {each.name}: {each.reason}" for each in tuned.tuning.candidates if each.reason),
        "",
        f"{outcome(manifest.name, manifest.version, tuned.tuning)}.",
    ]
    return "\n".join(lines)


def _cells(candidate: Candidate, *, kept: bool) -> list[str]:
    times = [
        f"{time_in_words(candidate.times[size].median)} ({candidate.speeds[size].median:.2f}x)"
        if candidate.times
        else ""
        for size in SIZES
    ]
    cells = [candidate.name, *times, f"{candidate.speed:.2f}x" if candidate.speeds else ""]
    compared, word = candidate.comparison, "**kept**" if kept else candidate.standing
    if compared is None or compared.quality is None or compared.loss is None:
        return [*cells, "", "", "", "", word]
    found = compared.quality
    return [
        *cells, f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%})",
        f"{compared.loss.value:.2%}, {compared.loss.most:.2%}", f"{compared.agreement.value:.2%}",
        f"{compared.difference:.2g}", word,
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
