from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from plimsoll.bundle.golden import read_golden
from plimsoll.errors import BundleError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.pytorch.module_building import build_architecture
from safetensors.torch import save

from tests.conftest import MakeBundle

METRIC = {"value": 0.9, "low": 0.8, "high": 1.0, "rows": 10, "method": "Wilson"}


def refusal(make: MakeBundle, folder: Path, **changes: Any) -> BundleError:
    """The error of a recipe; nothing may be left of the bundle."""
    with pytest.raises(BundleError) as caught:
        make(**changes)
    assert not (folder / "models").exists()
    assert "\n" not in caught.value.message
    return caught.value


def test_a_bundle_made_here_passes_what_a_server_checks(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    loader = ModelLoader(LoaderOptions(), batch_sizes=[1], inline_budget_seconds=0)
    bundle.verify_files()
    loader.prove(bundle, loader.load(bundle))


def test_the_signature_follows_from_the_example_and_the_answer(make_tiny_bundle: MakeBundle) -> None:
    manifest = make_tiny_bundle(input_name="pixels", output_names=["digit"]).manifest
    assert [tensor.model_dump(exclude_none=True) for tensor in manifest.signature.inputs] == [
        {"name": "pixels", "datatype": "FP32", "shape": [-1, 4], "minimum": 0, "maximum": 1}
    ]
    assert [tensor.model_dump(exclude_none=True) for tensor in manifest.signature.outputs] == [
        {"name": "digit", "datatype": "FP32", "shape": [-1, 3], "labels": ["a", "b", "c"]}
    ]
    assert manifest.task == "tabular-classification"
    assert manifest.framework.name == "pytorch"


def test_the_example_becomes_the_golden_samples(make_tiny_bundle: MakeBundle) -> None:
    example = np.random.default_rng(9).random((3, 4), np.float32)
    assert np.array_equal(read_golden(make_tiny_bundle(example=example)).inputs["input"], example)


def test_without_labels_the_task_is_tensors(make_tiny_bundle: MakeBundle) -> None:
    assert make_tiny_bundle(labels=None).manifest.task == "tensors"


def test_what_is_told_about_a_model_stands_in_its_manifest(make_tiny_bundle: MakeBundle) -> None:
    manifest = make_tiny_bundle(about={"description": "for tests", "metrics": {"accuracy": METRIC}}).manifest
    assert manifest.description == "for tests"
    assert manifest.metrics["accuracy"].value == 0.9


@pytest.mark.parametrize(
    "about",
    [
        {"name": "other"},
        {"version": "9"},
        {"golden": {"file": "golden.safetensors", "absolute_tolerance": 1e9, "relative_tolerance": 0}},
        {"no_such_field": 1},
    ],
)
def test_what_is_told_about_a_model_cannot_replace_what_was_derived(
    make_tiny_bundle: MakeBundle, tmp_path: Path, about: dict[str, Any]
) -> None:
    error = refusal(make_tiny_bundle, tmp_path, about=about)
    assert error.check == "manifest"
    assert next(iter(about)) in error.message


@pytest.mark.parametrize(
    ("changes", "check", "sentence"),
    [
        ({"architecture": "resnet"}, "weights", "'resnet' is not registered"),
        ({"parameters": {"sizes": 4}}, "weights", "'digits-mlp' cannot be built with the parameters given"),
        (
            {"parameters": {"sizes": [4, 9, 3]}},
            "weights",
            "the file of weights does not fit the architecture: it raised RuntimeError: Error(s) in",
        ),
        ({"weights": b"\x80\x04pickle"}, "weights", "the file of weights is not a safetensors file"),
        ({"labels": ["a", "b"]}, "manifest", "the model gives 3 scores a row, and --labels names 2 classes"),
        ({"name": "Tiny"}, "manifest", "field 'name'"),
        ({"version": "one"}, "manifest", "field 'version'"),
        ({"minimum": 2}, "manifest", "the minimum of tensor 'input' lies above its maximum"),
        ({"absolute_tolerance": -1}, "manifest", "golden.absolute_tolerance"),
        ({"input_name": "two words"}, "manifest", "signature.inputs.0.name"),
    ],
)
def test_a_wrong_recipe_makes_no_bundle(
    make_tiny_bundle: MakeBundle, tmp_path: Path, changes: dict[str, Any], check: str, sentence: str
) -> None:
    error = refusal(make_tiny_bundle, tmp_path, **changes)
    assert error.check == check
    assert sentence in str(error)


@pytest.mark.parametrize(
    ("factory", "check", "sentence"),
    [
        (
            "GivesDict",
            "manifest",
            (
                "--labels names the classes of one output, and the model gives 'logits', 'hidden'; choose it with "
                "--output-name, or let forward return it alone"
            ),
        ),
        (
            "GivesWords",
            "signature",
            (
                "the output 'words' of the model is of the type list, and only tensors can be served; the tensors "
                "among its outputs are 'logits'; choose those to serve with --output-name"
            ),
        ),
        (
            "GivesOddName",
            "manifest",
            (
                "manifest.json is not a valid manifest: field 'signature.outputs.0.name': the name of a tensor begins "
                "with a letter or '_' and goes on with at most 127 letters, digits, '_', '.' and '-'; 'two words' is "
                "given"
            ),
        ),
        (
            "GivesUnreadable",
            "signature",
            "the model gives the type _Unreadable, which cannot be read: it raised RuntimeError: nobody reads this",
        ),
        (
            "GivesOneNumber",
            "signature",
            "the model gives a tensor of shape [] for 5 rows; its first dimension should be the rows",
        ),
        ("HidesWeights", "weights", "the names of the model's weights cannot be read: it raised KeyError: 'layers'"),
        ("MissesKey", "weights", "the model cannot be run on the example: it raised KeyError: 'input_ids'"),
    ],
)
def test_a_model_that_no_bundle_can_hold_is_refused_by_what_it_did(
    make_tiny_bundle: MakeBundle, tmp_path: Path, factory: str, check: str, sentence: str
) -> None:
    error = refusal(make_tiny_bundle, tmp_path, architecture=None, factory=f"tests.doubles.odd_models:{factory}")
    assert (error.check, str(error)) == (check, sentence)


@pytest.mark.parametrize(
    ("example", "sentence"),
    [
        (
            np.zeros((2, 4)),
            "which holds float64, as numpy does where nobody says otherwise; save example.astype(numpy.float32)",
        ),
        (
            np.zeros((2, 4), np.int64),
            "which holds int64, as numpy does where nobody says otherwise; save example.astype(numpy.float32)",
        ),
        (
            np.array([[0, 0, 0.5, 1.25]], np.float32),
            "reach from 0.0 to 1.25, which the signature's minimum 0 or maximum 1 excludes",
        ),
        (
            np.zeros(4, np.float32),
            "is one list of 4 numbers, and rows are expected, [rows, ...]; if it is one row, save example[None]",
        ),
    ],
)
def test_an_example_that_does_not_fit_is_refused_with_what_to_do(
    make_tiny_bundle: MakeBundle, tmp_path: Path, example: NDArray[Any], sentence: str
) -> None:
    assert refusal(make_tiny_bundle, tmp_path, example=example).message.endswith(sentence)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (["a", "b", "a"], "the label 'a' stands for 2 classes; give each its own"),
        ([1, "1", 2], "the label '1' stands for 2 classes; give each its own"),
        (["a", " ", "b"], "a label is empty; give each class a name"),
        ([True, False, 2], "the label true is neither text nor a whole number"),
        (["a", None, "b"], "the label null is neither text nor a whole number"),
    ],
)
def test_labels_tell_classes_apart(
    make_tiny_bundle: MakeBundle, tmp_path: Path, labels: list[Any], sentence: str
) -> None:
    error = refusal(make_tiny_bundle, tmp_path, labels=labels)
    assert (error.check, error.message) == ("manifest", sentence)


def test_an_example_is_stored_as_it_was_whatever_the_model_does_to_it(make_tiny_bundle: MakeBundle) -> None:
    example = np.random.default_rng(9).random((3, 4), np.float32)
    made = make_tiny_bundle(architecture=None, factory="tests.doubles.odd_models:WritesIntoInput", example=example)
    assert np.array_equal(read_golden(made).inputs["input"], example)


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(np.zeros((2, 5), np.float32), id="wrong length"),
        pytest.param(np.zeros((2, 4), np.float64), id="wrong datatype"),
        pytest.param(np.zeros((2, 4), "U1"), id="text"),
        pytest.param(np.zeros((2, 4), ">f4"), id="bytes in the other order"),
        pytest.param(np.zeros((2, 4), np.float32)[::-1], id="backwards"),
        pytest.param(np.zeros((0, 4), np.float32), id="no rows"),
        pytest.param(np.zeros(4, np.float32), id="one row without a batch"),
        pytest.param(np.float32(1) * np.zeros(()), id="a single number"),
        pytest.param(np.full((2, 4), np.nan, np.float32), id="not a number"),
    ],
)
def test_an_example_that_cannot_become_golden_samples_is_refused_or_proven(
    make_tiny_bundle: MakeBundle, example: NDArray[Any]
) -> None:
    loader = ModelLoader(LoaderOptions(), batch_sizes=[1], inline_budget_seconds=0)
    try:
        bundle = make_tiny_bundle(example=example)
    except BundleError:
        return
    loader.prove(bundle, loader.load(bundle))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_an_example_that_is_not_finite_makes_no_bundle(
    make_tiny_bundle: MakeBundle, tmp_path: Path, number: float
) -> None:
    example = np.array([[0, 0, number, 0]], np.float32)
    error = refusal(make_tiny_bundle, tmp_path, example=example, minimum=None, maximum=None)
    assert (error.check, error.message) == ("golden", "the example holds numbers that are not finite")


def test_weights_that_answer_nan_make_no_bundle(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    state = build_architecture("digits-mlp", {"sizes": [4, 8, 3]}).state_dict()
    weights = save({name: torch.full_like(tensor, torch.nan) for name, tensor in state.items()})
    assert refusal(make_tiny_bundle, tmp_path, weights=weights).check == "golden"


def test_an_answer_that_no_signature_can_express_is_refused(
    make_tiny_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Complex(torch.nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return rows.to(torch.complex64)

    monkeypatch.setattr("plimsoll.runtime.pytorch.new_model.build_architecture", lambda *_: Complex())
    error = refusal(make_tiny_bundle, tmp_path, weights=save({}), labels=list("abcd"))
    assert error.check == "signature"
    assert error.message == "'output' is of complex64, which no signature can express"
