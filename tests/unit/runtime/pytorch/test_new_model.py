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
    outputs = NewTorchModel(weights(), PARAMETERS, architecture="digits-mlp", output_names=["digit"]).run({"x": ROWS})
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


ODD = "tests.doubles.odd_models"


@pytest.mark.parametrize(
    ("names", "order", "reason"),
    [
        (["mask", "ids"], ["ids", "mask"], "of the parameters of forward"),
        (["types", "mask", "ids"], ["ids", "mask", "types"], "of the parameters of forward"),
        (["mask", "words"], ["mask", "words"], "in which they are given"),
    ],
)
def test_inputs_are_ordered_by_the_parameters_of_forward_where_they_have_their_names(
    names: list[str], order: list[str], reason: str
) -> None:
    model = NewTorchModel(save({}), {}, factory=f"{ODD}:TakesThree")
    assert model.ordered(names) == order
    assert model.notes == [f"forward gets the inputs in the order {reason}: {', '.join(order)}"]


@pytest.mark.parametrize("name", ["ids", "input"])
def test_one_input_needs_no_order(name: str) -> None:
    model = NewTorchModel(save({}), {}, factory=f"{ODD}:TakesThree")
    assert (model.ordered([name]), model.notes) == ([name], [])


@pytest.mark.parametrize("names", [["types", "ids"], ["mask"]])
def test_a_parameter_that_an_input_of_another_name_would_get_is_refused(names: list[str]) -> None:
    with pytest.raises(BundleError) as caught:
        NewTorchModel(save({}), {}, factory=f"{ODD}:TakesThree").ordered(names)
    missing = "ids" if "ids" not in names else "mask"
    assert caught.value.message == (
        f"forward takes its inputs by position, (ids, mask, types), and the example has no '{missing}'; give one, or "
        "let forward begin with the inputs that it gets"
    )


@pytest.mark.parametrize(("factory", "outputs"), [("GivesDict", ["logits", "hidden"]), ("GivesTuple", ["output"])])
def test_outputs_have_the_names_of_the_model_or_are_numbered(factory: str, outputs: list[str]) -> None:
    assert list(NewTorchModel(weights(), PARAMETERS, factory=f"{ODD}:{factory}").run({"x": ROWS})) == outputs


def test_an_output_in_bfloat16_becomes_fp32_of_the_same_numbers_and_is_noted_once() -> None:
    model = NewTorchModel(weights(), PARAMETERS, factory=f"{ODD}:GivesBfloat16")
    wide = NewTorchModel(weights(), PARAMETERS, architecture="digits-mlp").run({"x": ROWS})["output"]
    for _ in range(2):
        output = model.run({"x": ROWS})["output"]
        assert output.dtype == np.float32
        assert output.tolist() == torch.from_numpy(wide).bfloat16().tolist()
    assert model.notes == ["the model gives 'output' as bfloat16, and the bundle gives the same numbers as FP32"]


def half(datatype: torch.dtype) -> bytes:
    return save({name: tensor.to(datatype) for name, tensor in load(weights()).items()})


def test_a_module_of_bfloat16_gets_its_inputs_as_such() -> None:
    parameters = {**PARAMETERS, "datatype": "bfloat16"}
    model = NewTorchModel(half(torch.bfloat16), parameters, factory=f"{ODD}:in_half", bfloat16=["x"])
    assert model.run({"x": ROWS})["output"].shape == (5, 3)


@pytest.mark.parametrize(
    ("datatype", "advice"),
    [
        ("float16", "save example.astype(numpy.float16)"),
        ("bfloat16", "numpy has no such type, so save example.bfloat16() in a file of safetensors"),
    ],
)
def test_an_example_of_more_bits_than_the_weights_is_refused_with_what_to_save(datatype: str, advice: str) -> None:
    parameters = {**PARAMETERS, "datatype": datatype}
    model = NewTorchModel(half(getattr(torch, datatype)), parameters, factory=f"{ODD}:in_half")
    with pytest.raises(BundleError) as caught:
        model.run({"x": ROWS})
    assert caught.value.message == (
        f"the model cannot be run on the example: its weights are {datatype}, and the example of 'x' is float32; "
        f"{advice}, or let forward begin with .to(torch.{datatype})"
    )
