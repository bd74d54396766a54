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

import numpy as np
import torch
from numpy.typing import NDArray
from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.cli.tuning_plot import caption_of, draw
from plimsoll.cli.tuning_run import Choices, Tuned, tune_bundle
from plimsoll.cli.tuning_table import outcome, time_in_words
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.pytorch.module_building import build_architecture
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from plimsoll.runtime.tuning.candidates import Candidate
from plimsoll.runtime.tuning.tuned_bundle import threads_of
from plimsoll.runtime.tuning.tuner import Progress, Rule
from plimsoll.settings import load_settings
from safetensors.torch import save
from torch import nn

from benchmarks.report import console, this_occasion
from benchmarks.server import REPOSITORY

_HELD_OUT = REPOSITORY / "training" / "digits-heldout.npz"
_DIGITS = REPOSITORY / "models" / "digits"
_SIZES = (1, 8, 64)
_ALLOWED_LOSS = 0.02
_LARGE = {"sizes": [784, 4096, 4096, 10]}
_EPOCHS, _ROWS_OF_STEP, _RATE = 6, 50, 3e-4
_COLUMNS = ["candidate", *(f"{size} rows" if size > 1 else "1 row" for size in _SIZES), "speed"]
_OF_ANSWERS = ["accuracy, 95 %", "loss, and at most", "answered alike", "off by", ""]


@dataclass(frozen=True, slots=True)
class Subject:
    """A bundle to tune, with the rows that judge it."""

    about: str
    bundle: Bundle
    pixels: NDArray[np.float32]
    labels: NDArray[np.uint8]


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
                tuned = _tuned(subject, Path(folder), options.turns)
            parts.append(_markdown(subject, tuned))
            sys.stdout.write(parts[-1] + "\n\n")
    if options.picture is not None:
        draw(options.picture, tuned.tuning, _SIZES, subject.about, caption_of(tuned.document))
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
counted and at most with 95 % confidence; at most {_ALLOWED_LOSS:.0%} is allowed."""


def _subjects(folder: Path) -> Iterator[Subject]:
    with np.load(_HELD_OUT, allow_pickle=False) as archive:
        order = np.random.default_rng(0).permutation(len(archive["labels"]))
        pixels, labels = (archive["pixels"][order] / 255).astype(np.float32), archive["labels"][order]
    yield Subject("digits 1, 784-256-128-10", open_bundle(_DIGITS / "1"), pixels, labels)
    yield Subject("digits 2, a small convolutional network", open_bundle(_DIGITS / "2"), pixels, labels)
    half = len(pixels) // 2
    large = _trained(folder, pixels[:half], labels[:half])
    yield Subject("a large model, 784-4096-4096-10", large, pixels[half:], labels[half:])


def _trained(folder: Path, pixels: NDArray[np.float32], labels: NDArray[np.uint8]) -> Bundle:
    """A bundle of the large model, trained on these rows."""
    torch.manual_seed(0)
    module = build_architecture("digits-mlp", _LARGE)
    rows, classes = torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64))
    optimiser = torch.optim.Adam(module.parameters(), lr=_RATE)
    for _ in range(_EPOCHS):
        for part in torch.split(torch.randperm(len(rows)), _ROWS_OF_STEP):
            optimiser.zero_grad()
            nn.functional.nll_loss(module(rows[part]).clamp_min(1e-9).log(), classes[part]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    model = NewTorchModel(save(module.state_dict()), _LARGE, architecture="digits-mlp", output_names=["probabilities"])
    recipe = Recipe(
        name="large",
        version="1",
        examples=[{"pixels": pixels[:32]}],
        minimum={"pixels": 0},
        maximum={"pixels": 1},
        labels=list(range(10)),
    )
    return make_bundle(folder, recipe, model)


def _tuned(subject: Subject, folder: Path, turns: int) -> Tuned:
    rows = folder / "rows.npz"
    np.savez(rows, pixels=subject.pixels, label=subject.labels)
    choices = Choices(
        version="9", folder=folder, evaluate=rows, label=None, rule=Rule(_ALLOWED_LOSS, _SIZES, turns), factories=(),
        trust_pt2=False, write=False,
    )  # fmt: skip
    return tune_bundle(subject.bundle, choices, load_settings(), Progress())


def _markdown(subject: Subject, tuned: Tuned) -> str:
    manifest, chosen = subject.bundle.manifest, tuned.tuning.chosen
    columns = _COLUMNS + _OF_ANSWERS
    lines = [
        f"## {subject.about}",
        "",
        f"{len(subject.pixels)} rows; {threads_of(tuned.document)}.",
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
        for size in _SIZES
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
