from __future__ import annotations

import numpy as np
import pytest
import torch
from plimsoll.errors import BundleError
from plimsoll.runtime.pytorch.module_building import build_architecture
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from safetensors.torch import load, save

PARAMETERS = {"sizes": [4, 8, 3]}
ROWS = np.random.default_rng(0).random((5, 4), np.float32)


def weights(prefix: str = "") -> bytes:
    torch.manual_seed(0)
    state = build_architecture("digits-mlp", PARAMETERS).state_dict()
    return save({f"{prefix}{name}": tensor for name, tensor in state.items()})


def test_a_module_answers_with_its_weights_under_the_name_of_its_output() -> None:
    module = build_architecture("digits-mlp", PARAMETERS).eval()
    module.load_state_dict(load(weights()))
    outputs = NewTorchModel(weights(), PARAMETERS, architecture="digits-mlp", output_name="digit").run({"x": ROWS})
    with torch.inference_mode():
        assert {name: tensor.tolist() for name, tensor in outputs.items()} == {
            "digit": module(torch.from_numpy(ROWS)).tolist()
        }


def test_a_module_that_writes_into_its_input_changes_no_example() -> None:
    rows = ROWS.copy()
    NewTorchModel(weights(), PARAMETERS, factory="tests.doubles.odd_models:WritesIntoInput").run({"x": rows})
    assert np.array_equal(rows, ROWS)


def test_the_manifest_names_the_maker_of_the_module_and_the_file_of_weights() -> None:
    registered = NewTorchModel(weights(), PARAMETERS, architecture="digits-mlp")
    made = NewTorchModel(weights(), PARAMETERS, factory="tests.doubles.odd_models:Logits")
    common = {"format": "safetensors", "weights": "weights.safetensors", "parameters": PARAMETERS}
    assert registered.record == common | {"architecture": "digits-mlp"}
    assert made.record == common | {"factory": "tests.doubles.odd_models:Logits"}
    assert registered.framework["name"] == "pytorch"
    assert list(registered.files) == ["weights.safetensors"]
    assert registered.input_names is None


def test_a_prefix_that_was_taken_off_is_noted() -> None:
    model = NewTorchModel(weights("module."), PARAMETERS, architecture="digits-mlp")
    assert set(load(model.files["weights.safetensors"])) == set(load(weights()))
    (note,) = model.notes
    assert note.startswith("'module.' was taken off the names of the weights")


def test_weights_that_do_not_fit_are_refused_before_anything_runs() -> None:
    with pytest.raises(BundleError) as caught:
        NewTorchModel(weights(), {"sizes": [4, 9, 3]}, architecture="digits-mlp")
    assert caught.value.check == "weights"
