"""The versions of the digits that rollouts are tried with do what they are for."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from plimsoll.bundle.folder import open_bundle
from plimsoll.errors import BundleError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader

from tests.e2e import rollouts_models
from tests.e2e.canaries.rollout_models import GOLDEN_MARK, paced
from tests.e2e.rollouts_models import (
    AGAIN,
    FACTORY,
    FAILS,
    GOOD,
    ONE_CLASS,
    PLAIN,
    PLAIN_AGAIN,
    REFUSED,
    SLOW,
    STABLE,
    write_versions,
)

DIGITS = Path(__file__).parents[2] / "models" / "digits"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("canaries")
    write_versions(made)
    return made


@pytest.fixture
def loader(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModelLoader:
    monkeypatch.syspath_prepend(str(folder))
    return ModelLoader(LoaderOptions(factories=(FACTORY,), threads=1), batch_sizes=[1, 2], inline_budget_seconds=0.001)


@pytest.fixture
def rows(folder: Path) -> tuple[NDArray[np.float32], list[str]]:
    """The rows of the load, and the class that is expected of each."""
    bodies = json.loads((folder / "bodies.json").read_text())
    return np.array([each["body"]["features"] for each in bodies], np.float32), [each["expect"] for each in bodies]


def answers(loader: ModelLoader, bundle: Path, rows: NDArray[np.float32]) -> list[str]:
    """The classes that a version gives, once it has shown that it may serve."""
    opened = open_bundle(bundle)
    model = loader.load(opened)
    loader.prove(opened, model)
    (name,) = (each.name for each in model.signature.inputs)
    (scores,) = model.run({name: rows.copy()}).values()
    return [str(each) for each in scores.argmax(axis=1)]


@pytest.mark.parametrize("version", [STABLE, GOOD, SLOW, AGAIN, PLAIN_AGAIN])
def test_a_version_that_answers_rightly_knows_every_body_of_the_load(
    folder: Path, loader: ModelLoader, rows: tuple[NDArray[np.float32], list[str]], version: str
) -> None:
    assert answers(loader, folder / "models" / "digits" / version, rows[0]) == rows[1]


def test_the_load_has_as_many_bodies_of_each_class_and_none_is_golden(
    rows: tuple[NDArray[np.float32], list[str]],
) -> None:
    assert Counter(rows[1]) == dict.fromkeys(map(str, range(10)), 3)
    assert not (rows[0][:, 0] == GOLDEN_MARK).any()


def test_a_version_of_one_class_passes_its_golden_samples(
    folder: Path, loader: ModelLoader, rows: tuple[NDArray[np.float32], list[str]]
) -> None:
    assert set(answers(loader, folder / "models" / "digits" / ONE_CLASS, rows[0])) == {"3"}


def test_the_version_that_is_never_ready_fails_its_golden_samples(
    folder: Path, loader: ModelLoader, rows: tuple[NDArray[np.float32], list[str]]
) -> None:
    with pytest.raises(BundleError, match="golden sample 0 does not match"):
        answers(loader, folder / "models" / "digits" / REFUSED, rows[0])


def test_a_failing_version_loads_and_fails_only_rows_that_are_not_golden(folder: Path, loader: ModelLoader) -> None:
    opened = open_bundle(folder / "models" / "digits" / FAILS)
    loader.prove(opened, loader.load(opened))
    always = paced("cnn", 1e-6, 0.1, 1.0)
    golden = torch.zeros(1, 784)
    golden[:, 0] = GOLDEN_MARK
    assert always(golden).shape == (1, 10)
    with pytest.raises(RuntimeError, match="now and then"):
        always(torch.zeros(1, 784))
    assert _parameters(folder, FAILS)["failing"] == rollouts_models.FAILING


def test_the_slow_version_is_half_as_slow_again_in_every_quantile(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    model = paced(**_parameters(folder, SLOW))
    model.digits = torch.nn.Identity()
    for _ in range(4000):
        model(torch.zeros(1, 784))
    quantiles = statistics.quantiles(slept, n=20)
    factor = 1.5 * rollouts_models.MEDIAN_SECONDS
    assert quantiles[9] == pytest.approx(factor, rel=0.05)
    assert quantiles[18] == pytest.approx(factor * math.exp(1.645 * rollouts_models.SPREAD), rel=0.08)


def test_versions_that_are_the_same_differ_in_their_number_alone(folder: Path) -> None:
    digits = folder / "models" / "digits"
    for one, other in ((digits / STABLE, digits / AGAIN), (DIGITS / PLAIN, digits / PLAIN_AGAIN)):
        assert {each.name: each.read_bytes() for each in _weights(one)} == {
            each.name: each.read_bytes() for each in _weights(other)
        }
        manifests = [json.loads((each / "manifest.json").read_text()) for each in (one, other)]
        assert {**manifests[0], "version": other.name} == manifests[1]


def _weights(bundle: Path) -> list[Path]:
    return [each for each in bundle.iterdir() if each.name != "manifest.json"]


def _parameters(folder: Path, version: str) -> dict[str, Any]:
    manifest = json.loads((folder / "models" / "digits" / version / "manifest.json").read_text())
    found: dict[str, Any] = manifest["model"]["parameters"]
    return found
