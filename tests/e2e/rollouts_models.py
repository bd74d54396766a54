"""The versions of the digits model that rollouts are made of: good ones, and each that misbehaves in its own way."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save

_REPOSITORY = Path(__file__).parents[2]
_CANARIES = Path(__file__).parent / "canaries"
_OURS = _REPOSITORY / "models" / "digits"
FACTORY = "rollout_models:paced"
BODIES = "/rollouts/bodies.json"
"""In the image: three bodies of each class, with the class that every good version answers."""

MEDIAN_SECONDS, SPREAD = 0.015, 0.4
"""Of the time of a pass: its 95th percentile is 29 ms. Long against the noise of a small machine."""
SLOWER = 1.5
FAILING = 0.02

STABLE = "11"
"""Version 1 of the repository's digits, at that pace."""
GOOD = "12"
"""Version 2, at the same pace."""
SLOW = "13"
"""Version 2, every quantile of whose time is half as long again."""
FAILS = "14"
"""Version 2, of whose passes 2 % raise."""
REFUSED = "15"
"""Its golden samples do not match its weights, so it is never ready."""
ONE_CLASS = "16"
"""Quicker than stable, its golden samples match, and every answer is a three."""
AGAIN = "17"
"""The same as `STABLE` in all but its number."""
PLAIN, PLAIN_AGAIN = "1", "18"
"""Version 1 of the repository as it is, which answers in about a millisecond, and the same in all but its number."""
_CLASS = 3
_GOLDEN_ROWS = 20


def write_versions(folder: Path) -> None:
    """Write all that the image of the canaries is built of into a folder: code, bodies, and `models/digits`."""
    shutil.copytree(_CANARIES, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    golden = load_file(_OURS / "1" / "golden.safetensors")
    rows = golden["inputs.pixels"][:30]
    classes = golden["outputs.probabilities"][:30].argmax(axis=1)
    (folder / "bodies.json").write_text(json.dumps(_bodies(rows, classes)), encoding="utf-8")
    models = folder / "models"
    pace = {"median_seconds": MEDIAN_SECONDS, "spread": SPREAD, "failing": 0.0}
    with _importable():
        mlp, cnn = _weights("1"), _weights("2")
        _make(models, STABLE, rows, mlp, {"digits": "mlp", **pace})
        _make(models, GOOD, rows, cnn, {"digits": "cnn", **pace})
        _make(models, SLOW, rows, cnn, {"digits": "cnn", **pace, "median_seconds": SLOWER * MEDIAN_SECONDS})
        _make(models, FAILS, rows, cnn, {"digits": "cnn", **pace, "failing": FAILING})
        quick = {"digits": "cnn", **pace, "median_seconds": 0.8 * MEDIAN_SECONDS}
        _make(models, ONE_CLASS, rows, _always(cnn), quick)
    digits = models / "digits"
    _copy(digits / STABLE, digits / AGAIN)
    _copy(_OURS / PLAIN, digits / PLAIN_AGAIN)
    _copy(digits / GOOD, digits / REFUSED, weights=(digits / ONE_CLASS / "weights.safetensors").read_bytes())


def _bodies(rows: Any, classes: Any) -> list[dict[str, Any]]:
    """For `load.py --bodies`: ten classes in turn."""
    order = sorted(range(len(rows)), key=lambda at: (list(classes[:at]).count(classes[at]), classes[at]))
    return [
        {"expect": str(classes[at]), "body": {"features": [round(float(pixel), 3) for pixel in rows[at]]}}
        for at in order
    ]


def _weights(version: str) -> dict[str, Any]:
    """Those of the repository's digits, under the names that they have inside of `Paced`."""
    return {f"digits.{name}": tensor for name, tensor in load_file(_OURS / version / "weights.safetensors").items()}


def _always(weights: dict[str, Any]) -> dict[str, Any]:
    """The same but for the last layer, which makes one class win whatever the picture."""
    bias = np.zeros_like(weights["digits.head.bias"])
    bias[_CLASS] = 5
    head = {"digits.head.weight": np.zeros_like(weights["digits.head.weight"]), "digits.head.bias": bias}
    return {**weights, **head}


def _make(models: Path, version: str, rows: Any, weights: dict[str, Any], parameters: dict[str, Any]) -> None:
    from plimsoll.runtime.bundle_making import Recipe, make_bundle
    from plimsoll.runtime.pytorch.new_model import NewTorchModel

    from tests.e2e.canaries.rollout_models import GOLDEN_MARK

    golden = rows[:_GOLDEN_ROWS].copy()
    golden[:, 0] = GOLDEN_MARK
    recipe = Recipe(
        name="digits", version=version, examples=[{"pixels": golden}], minimum={"pixels": 0}, maximum={"pixels": 1},
        labels=list(range(10)), licence="Apache-2.0",
    )  # fmt: skip
    make_bundle(models, recipe, NewTorchModel(save(weights), parameters, factory=FACTORY))


def _copy(source: Path, target: Path, weights: bytes | None = None) -> None:
    """A bundle under another version, perhaps with weights that its golden samples do not know."""
    shutil.copytree(source, target)
    manifest = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
    manifest["version"] = target.name
    if weights is not None:
        file = manifest["model"]["weights"]
        (target / file).write_bytes(weights)
        manifest["files"][file] = hashlib.sha256(weights).hexdigest()
    (target / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")


@contextmanager
def _importable() -> Iterator[None]:
    """The package of the factory can be imported, as it can in the image."""
    sys.path.insert(0, str(_CANARIES))
    try:
        yield
    finally:
        sys.path.remove(str(_CANARIES))
