"""What is said and done, unasked, while a bundle is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plimsoll.bundle.folder import open_bundle
from plimsoll.errors import BundleError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.pytorch.module_building import build_architecture
from safetensors.torch import load, save

from tests.doubles.torch_bundles import make_torch_bundle

Fields = dict[str, Any]


def remarks(recipe: Fields, folder: Path) -> list[str]:
    """What was remarked when the bundle was made."""
    heard: list[str] = []
    make_torch_bundle(folder, heard.append, **recipe)
    return heard


def tiny(**changes: Any) -> Fields:
    """A recipe of the smallest classifier."""
    parameters = {"sizes": [4, 8, 3]}
    weights = build_architecture("digits-mlp", parameters).state_dict()
    example = np.ones((2, 4), np.float32)
    recipe = {
        "name": "tiny", "version": "1", "architecture": "digits-mlp", "parameters": parameters,
        "weights": save(weights), "example": example, "labels": list("abc"),
    }  # fmt: skip
    return recipe | changes


def test_a_good_recipe_gives_no_reason_for_a_remark(tmp_path: Path) -> None:
    assert remarks(tiny(), tmp_path / "a") == []
    scores = tiny(labels=None, architecture=None, factory="tests.doubles.odd_models:Logits")
    assert remarks(scores, tmp_path / "b") == []


def test_scores_that_are_no_probabilities_are_remarked(tmp_path: Path) -> None:
    (remark,) = remarks(tiny(architecture=None, factory="tests.doubles.odd_models:Logits"), tmp_path)
    assert remark == (
        "the scores of a row do not add up to 1, and clients would be told that they are probabilities; if these "
        "are logits, let the module end with a softmax"
    )


OF_64_BITS = (
    "a whole number as a label lies between -9223372036854775808 and 9223372036854775807, and one label lies beyond; "
    "write it as text"
)


def spam(**changes: Any) -> Fields:
    """A recipe of a model that gives one score a row."""
    made = tiny(
        architecture=None, factory="tests.doubles.odd_models:Spam", parameters={}, weights=save({}), labels=["spam"]
    )
    return made | changes


@pytest.mark.parametrize(("parameters", "shape"), [({}, [-1, 1]), ({"flat": True}, [-1])])
def test_one_label_of_one_score_becomes_two_classes_and_is_remarked(
    parameters: dict[str, Any], shape: list[int], tmp_path: Path
) -> None:
    (remark,) = remarks(spam(parameters=parameters), tmp_path)
    assert remark == (
        "the model gives one score a row, so there are two classes: 'spam' where it is at least 0.5, and 'not spam' "
        "elsewhere; two labels name both, and --threshold sets the threshold"
    )
    (output,) = open_bundle(tmp_path / "tiny" / "1").manifest.signature.outputs
    assert (output.shape, output.labels, output.threshold) == (shape, ["not spam", "spam"], 0.5)


def test_a_number_is_a_label_of_one_score_too(tmp_path: Path) -> None:
    remarks(spam(labels=[7]), tmp_path)
    assert open_bundle(tmp_path / "tiny" / "1").manifest.signature.outputs[0].labels == ["not 7", 7]


@pytest.mark.parametrize(("threshold", "kept"), [(None, 0.5), (0.9, 0.9)])
def test_two_labels_of_one_score_stay_and_give_no_reason_for_a_remark(
    threshold: float | None, kept: float, tmp_path: Path
) -> None:
    assert remarks(spam(labels=["ham", "spam"], threshold=threshold), tmp_path) == []
    (output,) = open_bundle(tmp_path / "tiny" / "1").manifest.signature.outputs
    assert (output.labels, output.threshold) == (["ham", "spam"], kept)


@pytest.mark.parametrize("labels", [["spam"], ["ham", "spam"]])
def test_one_score_that_is_no_probability_makes_no_bundle(labels: list[str], tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        remarks(spam(factory="tests.doubles.odd_models:SpamLogits", labels=labels), tmp_path)
    assert (caught.value.check, caught.value.message) == (
        "signature",
        "the one score of a row should be a probability, and the model gives from 3 to 3; apply a sigmoid in forward",
    )


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (tiny(threshold=0.5), "--threshold is for a model that gives one score a row, and this one gives 3"),
        (spam(labels=None, threshold=0.5), "--threshold parts two classes, and needs --labels that name them"),
        (spam(labels=list("abc")), "the model gives one score a row, which takes one label or two, not 3"),
        (
            spam(labels=list("abc"), parameters={"flat": True}),
            "the model gives one score a row, which takes one label or two, not 3",
        ),
        (tiny(labels=["a"]), "the model gives 3 scores a row, and --labels names 1 classes"),
        (spam(threshold=1.0), "--threshold should lie between 0 and 1, and 1.0 is given"),
        (spam(threshold=float("nan")), "--threshold should lie between 0 and 1, and nan is given"),
        (
            spam(threshold=0.9999999999),
            "--threshold should lie between 0 and 1, and FP32, the datatype of the scores, rounds 0.9999999999 to 1",
        ),
        (
            spam(parameters={"flat": "\ud800"}),
            "the field 'model.parameters.flat' of the manifest would hold half of a character, which is no text",
        ),
        (spam(labels=[0, 1 << 63]), OF_64_BITS),
    ],
)
def test_classes_that_do_not_fit_make_no_bundle_and_no_remark(recipe: Fields, sentence: str, tmp_path: Path) -> None:
    heard: list[str] = []
    with pytest.raises(BundleError) as caught:
        make_torch_bundle(tmp_path, heard.append, **recipe)
    assert (caught.value.check, caught.value.message, heard) == ("manifest", sentence, [])


def test_a_bundle_that_is_refused_at_last_has_no_remark(tmp_path: Path) -> None:
    heard: list[str] = []
    with pytest.raises(BundleError, match="field 'version'"):
        make_torch_bundle(tmp_path, heard.append, **spam(version="one"))
    assert heard == []


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_the_names_that_a_wrapper_gave_to_weights_are_taken_back_and_remarked(prefix: str, tmp_path: Path) -> None:
    tensors = {f"{prefix}{name}": tensor for name, tensor in load(tiny()["weights"]).items()}
    (remark,) = remarks(tiny(weights=save(tensors, metadata={"format": "pt"})), tmp_path)
    assert remark == f"'{prefix}' was taken off the names of the weights; a wrapper of the module had put it there"
    bundle = open_bundle(tmp_path / "tiny" / "1")
    bundle.verify_files()
    stored = load((bundle.path / "weights.safetensors").read_bytes())
    assert {name: tensor.tolist() for name, tensor in stored.items()} == {
        name.removeprefix(prefix): tensor.tolist() for name, tensor in tensors.items()
    }
    loader = ModelLoader(LoaderOptions(), batch_sizes=[1], inline_budget_seconds=0)
    loader.prove(bundle, loader.load(bundle))


def test_a_model_without_weights_may_compute_in_float64(tmp_path: Path) -> None:
    recipe = tiny(
        architecture=None,
        factory="tests.doubles.odd_models:Doubles",
        parameters={},
        weights=save({}),
        example=np.ones((2, 3)),
        labels=None,
    )
    assert make_torch_bundle(tmp_path, **recipe).manifest.signature.outputs[0].datatype == "FP64"
