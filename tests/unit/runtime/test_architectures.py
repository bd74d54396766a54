from __future__ import annotations

from typing import Any

import pytest
import torch

from service.errors import BundleError
from service.runtime.architectures import ARCHITECTURES, build_architecture

FITTING: dict[str, dict[str, Any]] = {
    "digits-mlp": {"sizes": [784, 16, 10]},
    "digits-cnn": {"channels": [4, 8], "classes": 10},
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_turns_784_pixels_into_ten_probabilities(name: str) -> None:
    module = build_architecture(name, FITTING[name]).eval()
    with torch.inference_mode():
        probabilities = module(torch.rand(5, 784))
    assert probabilities.shape == (5, 10)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(5), atol=1e-6)
    assert bool((probabilities >= 0).all())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_row_is_answered_alike_alone_and_among_others(name: str) -> None:
    module = build_architecture(name, FITTING[name]).eval()
    rows = torch.rand(5, 784)
    with torch.inference_mode():
        together, alone = module(rows), torch.cat([module(row.unsqueeze(0)) for row in rows])
    assert torch.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("digits-mlp", {}),
        ("digits-mlp", {"sizes": 784}),
        ("digits-mlp", {"sizes": "abc"}),
        ("digits-mlp", {"sizes": [784, 10], "depth": 2}),
        ("digits-mlp", {"sizes": [-4, 3]}),
        ("digits-mlp", {"sizes": [10**30, 3]}),
        ("digits-mlp", {"sizes": [1 << 40, 1 << 20]}),
        ("digits-cnn", {"channels": [4], "classes": 10}),
        ("digits-cnn", {"channels": [4, 8, 16], "classes": 10}),
        ("digits-cnn", {"channels": [4, 8], "classes": -1}),
        ("digits-cnn", {"channels": [4, 8]}),
    ],
)
def test_parameters_that_do_not_fit_are_refused_in_one_sentence(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=f"^the parameters do not fit the architecture '{name}': ") as caught:
        build_architecture(name, parameters)
    assert caught.value.check == "weights"
    assert "\n" not in caught.value.message


def test_an_architecture_that_is_not_registered_is_refused_with_a_list() -> None:
    with pytest.raises(BundleError, match="'resnet' is not registered; known: digits-mlp, digits-cnn") as caught:
        build_architecture("resnet", {})
    assert caught.value.check == "weights"
