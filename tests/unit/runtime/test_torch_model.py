from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from service.errors import BundleError
from service.inference.payloads import Signature, TensorSpec
from service.runtime.torch_model import TorchModel
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


@pytest.mark.parametrize("results", [(), (torch.zeros(1), torch.zeros(1))])
def test_another_number_of_outputs_breaks_the_signature(results: tuple[torch.Tensor, ...]) -> None:
    model = TorchModel(lambda _: results, flat_signature(2), CPU, 0)
    with pytest.raises(BundleError, match=f"the model gives {len(results)} outputs, the signature names 1") as caught:
        model.run({"x": np.zeros((1, 2), np.float32)})
    assert caught.value.check == "signature"


@pytest.mark.parametrize("results", [{"y": torch.zeros(1, 2)}, [3.0], None])
def test_what_is_no_tensor_breaks_the_signature(results: Any) -> None:
    model = TorchModel(lambda _: results, flat_signature(2), CPU, 0)
    with pytest.raises(BundleError) as caught:
        model.run({"x": np.zeros((1, 2), np.float32)})
    assert caught.value.check == "signature"


def test_a_model_tells_its_device_and_has_no_inline_rows_before_warm_up() -> None:
    model = TorchModel(lambda x: x, flat_signature(2), CPU, 12)
    assert (model.device, model.parameters, model.inline_rows) == ("cpu", 12, 0)
