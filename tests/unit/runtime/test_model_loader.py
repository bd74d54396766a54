from __future__ import annotations

import gc
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from plimsoll.bundle.folder import Bundle
from plimsoll.errors import BundleError
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from safetensors.torch import load, save

from tests.conftest import MakeBundle
from tests.doubles.bundles import Fields, replace_file, rewrite_manifest

Spoil = Callable[[dict[str, torch.Tensor]], object]
CPU = ModelLoader(LoaderOptions(), batch_sizes=[1, 2, 4], inline_budget_seconds=60)


def refusal_to_load(bundle: Bundle) -> BundleError:
    with pytest.raises(BundleError) as caught:
        CPU.load(bundle)
    return caught.value


def refusal_to_prove(bundle: Bundle) -> BundleError:
    model = CPU.load(bundle)
    with pytest.raises(BundleError) as caught:
        CPU.prove(bundle, model)
    return caught.value


def weights_of(bundle: Bundle) -> dict[str, torch.Tensor]:
    return load(bundle.read("weights.safetensors"))


def test_a_good_bundle_loads_proves_and_warms(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    model = CPU.load(bundle)
    seconds = CPU.warm(model, CPU.prove(bundle, model))
    assert list(seconds) == [1, 2, 4]
    assert model.inline_rows() == 4
    assert model.device == "cpu"
    assert model.parameters == 4 * 8 + 8 + 8 * 3 + 3
    assert model.signature == bundle.manifest.line_signature()


def test_what_a_runtime_has_imported_is_left_out_of_collections_of_garbage(make_tiny_bundle: MakeBundle) -> None:
    gc.unfreeze()
    try:
        ModelLoader(LoaderOptions(), batch_sizes=[1], inline_budget_seconds=0).load(make_tiny_bundle())
        assert gc.get_freeze_count() > len(torch.__dict__)
    finally:
        gc.unfreeze()


def test_a_loaded_model_runs_the_weights_of_its_bundle(make_tiny_bundle: MakeBundle) -> None:
    rows = {"input": np.random.default_rng(0).random((6, 4), np.float32)}
    first = CPU.load(make_tiny_bundle(seed=1, version="1")).run(rows)["output"]
    second = CPU.load(make_tiny_bundle(seed=2, version="2")).run(rows)["output"]
    assert first.shape == (6, 3)
    assert np.allclose(first.sum(axis=1), 1, atol=1e-6)
    assert not np.allclose(first, second, atol=1e-3)


def test_tampered_weights_are_not_loaded(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    weights = weights_of(bundle)
    weights["layers.0.bias"] += 1
    (bundle.path / "weights.safetensors").write_bytes(save(weights))
    assert refusal_to_load(bundle).check == "digest"


def test_an_unknown_architecture_is_refused_with_the_known_ones(make_tiny_bundle: MakeBundle) -> None:
    def change(fields: Fields) -> None:
        fields["model"]["architecture"] = "os.system"

    error = refusal_to_load(rewrite_manifest(make_tiny_bundle(), change))
    assert error.check == "weights"
    assert error.message == "the architecture 'os.system' is not registered; known: digits-mlp, digits-cnn"


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickled", b"\xff" * 100])
def test_weights_that_are_not_safetensors_are_refused(make_tiny_bundle: MakeBundle, content: bytes) -> None:
    error = refusal_to_load(replace_file(make_tiny_bundle(), "weights.safetensors", content))
    assert (error.check, error.message) == (
        "weights",
        "weights.safetensors is not a safetensors file: it does not begin with the length of a header",
    )


def test_weights_of_a_datatype_that_torch_does_not_have_are_refused(make_tiny_bundle: MakeBundle) -> None:
    header = json.dumps({"layers.0.bias": {"dtype": "F6_E2M3", "shape": [4], "data_offsets": [0, 3]}}).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(3)
    error = refusal_to_load(replace_file(make_tiny_bundle(), "weights.safetensors", content))
    assert error.check == "weights"
    assert error.message == (
        "weights.safetensors is not a safetensors file: it holds tensors of the datatype F6_E2M3, which torch does not "
        "have"
    )


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda weights: weights.pop("layers.2.bias"), "layers.2.bias"),
        (lambda weights: weights.update({"layers.9.bias": torch.zeros(1)}), "layers.9.bias"),
        (lambda weights: weights.update({"layers.0.weight": torch.zeros(8, 5)}), "layers.0.weight"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused_by_name(
    make_tiny_bundle: MakeBundle, spoil: Spoil, named: str
) -> None:
    bundle = make_tiny_bundle()
    weights = weights_of(bundle)
    spoil(weights)
    error = refusal_to_load(replace_file(bundle, "weights.safetensors", save(weights)))
    assert error.check == "weights"
    assert error.message == "weights.safetensors does not fit the architecture: it raised RuntimeError"
    assert named in error.detail
    assert "\n" not in error.detail


def test_other_weights_under_a_right_digest_fail_the_golden_samples(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    weights = {name: tensor + 0.5 * torch.randn_like(tensor) for name, tensor in weights_of(bundle).items()}
    error = refusal_to_prove(replace_file(bundle, "weights.safetensors", save(weights)))
    assert error.check == "golden"
    assert "golden sample 0 does not match" in error.message


def test_weights_that_answer_nan_fail_the_golden_samples(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    weights = {name: torch.full_like(tensor, torch.nan) for name, tensor in weights_of(bundle).items()}
    assert refusal_to_prove(replace_file(bundle, "weights.safetensors", save(weights))).check == "golden"


def test_a_tolerance_too_tight_for_the_recorded_answers_fails(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    weights = {name: tensor + 1e-3 for name, tensor in weights_of(bundle).items()}
    bundle = replace_file(bundle, "weights.safetensors", save(weights))

    def tolerate(fields: Fields, absolute: float) -> None:
        fields["golden"].update(absolute_tolerance=absolute, relative_tolerance=0)

    assert refusal_to_prove(rewrite_manifest(bundle, lambda fields: tolerate(fields, 1e-6))).check == "golden"
    patient = rewrite_manifest(bundle, lambda fields: tolerate(fields, 0.1))
    CPU.prove(patient, CPU.load(patient))


def test_an_output_that_is_not_as_the_signature_says_is_refused(make_tiny_bundle: MakeBundle) -> None:
    def widen(fields: Fields) -> None:
        fields["signature"]["outputs"][0].update(shape=[-1, -1], labels=None)
        fields["task"] = "tensors"
        fields["signature"]["outputs"].append({"name": "second", "datatype": "FP32", "shape": [-1, 3]})

    bundle = make_tiny_bundle()
    golden = bundle.read("golden.safetensors")
    tensors = load(golden)
    content = save({**tensors, "outputs.second": tensors["outputs.output"].clone()})
    error = refusal_to_prove(rewrite_manifest(replace_file(bundle, "golden.safetensors", content), widen))
    assert error.check == "signature"
    assert error.message == "the model gives 1 outputs, the signature names 2"


def test_a_model_that_breaks_down_on_its_samples_is_told_in_one_line(make_tiny_bundle: MakeBundle) -> None:
    def narrow(fields: Fields) -> None:
        fields["signature"]["inputs"][0]["shape"] = [-1, -1]

    bundle = make_tiny_bundle()
    tensors = load(bundle.read("golden.safetensors"))
    tensors["inputs.input"] = torch.zeros(5, 9)
    error = refusal_to_prove(rewrite_manifest(replace_file(bundle, "golden.safetensors", save(tensors)), narrow))
    assert error.check == "golden"
    assert error.message == "the model fails on the golden samples: it raised RuntimeError"
    assert error.detail.startswith("mat1 and mat2")
    assert "\n" not in error.detail


def two_lengths(folder: Path, factory: str) -> Bundle:
    """A bundle with golden samples of 3 and of 5 numbers a row."""
    lengths = [np.random.default_rng(0).random((4, length), np.float32) for length in (3, 5)]
    recipe = Recipe("open", "1", [{"rows": rows} for rows in lengths])
    return make_bundle(folder, recipe, NewTorchModel(save({}), {}, factory=f"tests.doubles.odd_models:{factory}"))


@pytest.mark.parametrize("factory", ["Doubles", "MixesLongRows"])
def test_golden_samples_of_every_length_are_proven(tmp_path: Path, factory: str) -> None:
    bundle = two_lengths(tmp_path, factory)
    loader = ModelLoader(
        LoaderOptions(factories=[f"tests.doubles.odd_models:{factory}"]), batch_sizes=[4], inline_budget_seconds=0
    )
    model = loader.load(bundle)
    if factory == "MixesLongRows":
        with pytest.raises(BundleError) as caught:
            loader.prove(bundle, model)
        assert caught.value.check == "independence"
        return
    assert [each.inputs["rows"].shape for each in loader.prove(bundle, model).of_each_length] == [(4, 3), (4, 5)]
    tensors = load(bundle.read("golden.safetensors"))
    tensors["2.outputs.output"][1, 4] += 1
    spoiled = replace_file(bundle, "golden.safetensors", save(tensors))
    with pytest.raises(BundleError, match="golden sample 1 does not match: output 'output' is off by 1 at most"):
        loader.prove(spoiled, model)
