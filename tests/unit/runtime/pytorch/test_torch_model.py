from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from plimsoll.errors import BundleError, OutOfDeviceMemory
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.runtime.pytorch.torch_model import TorchModel

from tests.doubles.models import flat_signature

CPU = torch.device("cpu")
TWO = Signature(
    inputs=(TensorSpec("image", "UINT8", (-1, 2, -1)), TensorSpec("scale", "FP64", (-1, 1))),
    outputs=(TensorSpec("sum", "FP64", (-1,)), TensorSpec("scale", "FP64", (-1, 1))),
)


def test_a_batch_has_every_input_with_its_datatype_and_length_one_where_the_signature_is_open() -> None:
    batch = TorchModel(lambda *_: None, TWO, CPU, 0).new_batch(5)
    assert {name: (tensor.shape, tensor.dtype.name) for name, tensor in batch.items()} == {
        "image": ((5, 2, 1), "uint8"),
        "scale": ((5, 1), "float64"),
    }


def test_a_batch_of_open_shape_has_the_shape_that_is_asked_for() -> None:
    batch = TorchModel(lambda *_: None, TWO, CPU, 0).new_batch(3, ((2, 7), (1,)))
    assert {name: tensor.shape for name, tensor in batch.items()} == {"image": (3, 2, 7), "scale": (3, 1)}


def test_every_batch_has_memory_of_its_own() -> None:
    model = TorchModel(lambda x: x, flat_signature(2), CPU, 0)
    first, second = model.new_batch(3), model.new_batch(3)
    assert not np.may_share_memory(first["x"], second["x"])


def test_inputs_go_in_and_outputs_come_out_in_the_order_of_the_signature() -> None:
    model = TorchModel(lambda image, scale: (image.sum((1, 2)) * scale[:, 0], scale), TWO, CPU, 0)
    image = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    outputs = model.run({"scale": np.array([[2.0], [0.5]]), "image": image})
    assert outputs["sum"].tolist() == [12.0, 11.0]
    assert outputs["scale"].tolist() == [[2.0], [0.5]]


def test_a_module_of_one_output_gives_a_bare_tensor() -> None:
    model = TorchModel(lambda x: x * 2, flat_signature(2), CPU, 0)
    assert model.run({"x": np.array([[1, 2]], np.float32)})["y"].tolist() == [[2, 4]]


def test_nothing_is_recorded_for_gradients() -> None:
    seen = []

    def module(x: torch.Tensor) -> torch.Tensor:
        seen.append(torch.is_inference_mode_enabled())
        return x

    TorchModel(module, flat_signature(2), CPU, 0).run({"x": np.zeros((1, 2), np.float32)})
    assert seen == [True]


def _with_gradients(x: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode(mode=False), torch.enable_grad():
        return (x.clone() * 2).requires_grad_()


@pytest.mark.parametrize("module", [_with_gradients, lambda x: torch.complex(x, -2 * x).conj().imag])
def test_an_output_that_numpy_cannot_have_as_it_lies_in_memory(module: Callable[..., torch.Tensor]) -> None:
    model = TorchModel(module, flat_signature(2), CPU, 0)
    assert model.run({"x": np.array([[1, 2]], np.float32)})["y"].tolist() == [[2, 4]]


@pytest.mark.parametrize("results", [(), (torch.zeros(1), torch.zeros(1))])
def test_another_number_of_outputs_breaks_the_signature(results: tuple[torch.Tensor, ...]) -> None:
    model = TorchModel(lambda _: results, flat_signature(2), CPU, 0)
    with pytest.raises(BundleError, match=f"the model gives {len(results)} outputs, the signature names 1") as caught:
        model.run({"x": np.zeros((1, 2), np.float32)})
    assert caught.value.check == "signature"


def test_bf16_goes_in_and_out_as_fp32_and_is_bfloat16_for_the_module() -> None:
    signature = Signature((TensorSpec("x", "BF16", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 2)),))
    seen = []

    def module(rows: torch.Tensor) -> torch.Tensor:
        seen.append(rows.dtype)
        return rows.mul_(2)

    model = TorchModel(module, signature, CPU, 0)
    batch = model.new_batch(1)
    batch["x"][:] = [[0.1, 3.0]]
    answer = model.run(batch)["y"]
    assert seen == [torch.bfloat16]
    assert batch["x"].dtype == answer.dtype == np.float32
    assert answer.tolist() == (torch.tensor([[0.1, 3.0]]).bfloat16() * 2).tolist()
    assert batch["x"].tolist() == np.array([[0.1, 3.0]], np.float32).tolist(), "the module wrote into a copy"


def test_a_datatype_that_no_signature_can_name_is_told_by_its_name() -> None:
    model = TorchModel(lambda x: x.to(torch.float8_e5m2), flat_signature(2), CPU, 0)
    with pytest.raises(BundleError, match=r"output 'y' is torch\.float8_e5m2") as caught:
        model.run({"x": np.zeros((1, 2), np.float32)})
    assert caught.value.check == "signature"


def test_outputs_with_names_are_taken_by_name_whatever_their_order() -> None:
    def module(image: torch.Tensor, scale: torch.Tensor) -> dict[str, torch.Tensor | None]:
        return {"scale": scale, "hidden": image, "none": None, "sum": image.sum((1, 2)) * scale[:, 0]}

    image = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    outputs = TorchModel(module, TWO, CPU, 0).run({"scale": np.array([[2.0], [0.5]]), "image": image})
    assert {name: tensor.tolist() for name, tensor in outputs.items()} == {
        "sum": [12.0, 11.0],
        "scale": [[2.0], [0.5]],
    }


@pytest.mark.parametrize("results", [{"z": torch.zeros(1, 2)}, {"y": 3}, {"y": None}, [3.0], None])
def test_what_is_no_tensor_breaks_the_signature(results: Any) -> None:
    model = TorchModel(lambda _: results, flat_signature(2), CPU, 0)
    with pytest.raises(BundleError) as caught:
        model.run({"x": np.zeros((1, 2), np.float32)})
    assert caught.value.check == "signature"


def test_a_model_tells_its_device_and_has_no_inline_rows_before_warm_up() -> None:
    model = TorchModel(lambda x: x, flat_signature(2), CPU, 12)
    assert (model.device, model.parameters, model.inline_rows()) == ("cpu", 12, 0)


class Crowded:
    """A module for whose device more than `fits` rows are too many; notes the rows of every try."""

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.tries: list[int] = []

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        self.tries.append(len(rows))
        if len(rows) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return rows * 2


@pytest.mark.parametrize(("rows", "fits"), [(8, 8), (8, 3), (7, 2), (5, 1), (1, 1)])
def test_what_does_not_fit_the_device_is_halved_until_it_does(rows: int, fits: int) -> None:
    module = Crowded(fits)
    given_ = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)
    outputs = TorchModel(module, flat_signature(2), CPU, 0).run({"x": given_})
    assert np.array_equal(outputs["y"], given_ * 2)
    assert sum(count for count in module.tries if count <= fits) == rows, "every row was computed once"


def test_a_row_that_does_not_fit_alone_is_507_and_the_model_goes_on() -> None:
    module = Crowded(fits=0)
    model = TorchModel(module, flat_signature(2), CPU, 0)
    with pytest.raises(OutOfDeviceMemory) as caught:
        model.run({"x": np.zeros((4, 2), np.float32)})
    assert (caught.value.status, caught.value.message) == (507, "one row does not fit the memory of cpu")
    module.fits = 10
    assert model.run({"x": np.ones((4, 2), np.float32)})["y"].tolist() == [[2, 2]] * 4
