"""Bundles of several inputs and outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plimsoll.bundle.golden import read_golden
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.bundle_making import Recipe, make_bundle

from tests.conftest import MakeBundle
from tests.doubles.new_models import NumpyModel


def test_a_model_of_any_framework_becomes_a_bundle_of_every_tensor(tmp_path: Path) -> None:
    heard: list[str] = []
    examples: list[Tensors] = [
        {"ids": np.ones((2, 5), np.int64), "scale": np.ones((2, 1), np.float32)},
        {"ids": np.ones((3, 7), np.int64), "scale": np.ones((3, 1), np.float32)},
    ]
    recipe = Recipe("any", "1", examples, minimum={"ids": 0}, maximum={"ids": 9, "scale": 1})
    made = make_bundle(tmp_path, recipe, NumpyModel(["scale", "ids"]), heard.append)
    signature = made.manifest.signature
    assert [tensor.model_dump(exclude_none=True) for tensor in signature.inputs] == [
        {"name": "scale", "datatype": "FP32", "shape": [-1, 1], "maximum": 1},
        {"name": "ids", "datatype": "INT64", "shape": [-1, -1], "minimum": 0, "maximum": 9},
    ]
    assert [(each.name, each.datatype, each.shape) for each in signature.outputs] == [
        ("scale_again", "FP32", [-1, 1]),
        ("ids_again", "INT64", [-1, -1]),
    ]
    assert heard == ["it was made of numpy"]
    assert (made.path / "model.onnx").read_bytes() == b"nothing runs this"
    assert [each.inputs["ids"].shape for each in read_golden(made).of_each_length] == [(2, 5), (3, 7)]


def test_a_bound_of_an_input_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    recipe = Recipe("any", "1", [{"ids": np.ones((2, 5), np.int64)}], minimum={"id": 0})
    with pytest.raises(BundleError, match="a bound is given for 'id', and the inputs are 'ids'"):
        make_bundle(tmp_path, recipe, NumpyModel(None))


def test_labels_need_one_output(tmp_path: Path) -> None:
    rows = np.ones((2, 2), np.float32)
    recipe = Recipe("any", "1", [{"a": rows, "b": rows}], labels=["x", "y"])
    with pytest.raises(BundleError, match="--labels names the classes of one output, and the model gives 'a_again'"):
        make_bundle(tmp_path, recipe, NumpyModel(None))


def test_an_output_that_is_chosen_among_several_has_the_labels(make_tiny_bundle: MakeBundle) -> None:
    made = make_tiny_bundle(architecture=None, factory="tests.doubles.odd_models:GivesDict", output_names=["logits"])
    (output,) = made.manifest.signature.outputs
    assert (output.name, output.labels) == ("logits", ["a", "b", "c"])
