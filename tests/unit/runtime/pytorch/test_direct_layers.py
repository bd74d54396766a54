"""Layers called directly answer as torch's own to the bit, and what was changed on a layer still counts."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plimsoll.runtime.pytorch.bfloat16 import compute_in_bfloat16
from plimsoll.runtime.pytorch.direct_layers import DirectLinear, DirectReLU, DirectSequential, make_direct
from torch import Tensor, nn

ROWS = torch.linspace(-3, 3, 20).reshape(5, 4)
Change = Callable[[nn.Linear], object]


class Perceptron(nn.Module):
    """A module of its own around layers of torch."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2, bias=False))
        self.calls = 0

    def forward(self, rows: Tensor) -> Tensor:
        self.calls += 1
        return torch.softmax(self.layers(rows), -1)


@pytest.fixture
def perceptron() -> Perceptron:
    return Perceptron().eval().requires_grad_(requires_grad=False)


@pytest.fixture
def hooked_everywhere() -> Iterator[list[str]]:
    seen: list[str] = []
    handle = nn.modules.module.register_module_forward_hook(lambda part, *_: seen.append(type(part).__name__))
    yield seen
    handle.remove()


@settings(deadline=None)
@given(
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    shape=st.lists(st.integers(0, 4), max_size=3),
    bias=st.booleans(),
    inplace=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_every_answer_is_the_same_to_the_bit(
    widths: list[int], shape: list[int], bias: bool, inplace: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for wide, narrow in itertools.pairwise(widths):
        layers += [nn.Sequential(nn.Linear(wide, narrow, bias=bias), nn.Dropout()), nn.ReLU(inplace=inplace)]
    plain = nn.Sequential(*layers).eval()
    direct = make_direct(copy.deepcopy(plain))
    rows = torch.randn(*shape, widths[0])
    with torch.inference_mode():
        assert torch.equal(direct(rows.clone()), plain(rows.clone()))
        assert torch.equal(direct(input=rows.clone()), plain(input=rows.clone()))


def test_the_layers_of_a_module_are_called_directly_and_so_is_the_module(perceptron: Perceptron) -> None:
    expected = perceptron(ROWS)
    call = make_direct(perceptron)
    assert [type(part) for part in perceptron.modules()][1:] == [
        DirectSequential, DirectLinear, DirectReLU, DirectLinear,
    ]  # fmt: skip
    assert call == perceptron.forward
    assert torch.equal(call(ROWS), expected)
    assert perceptron.calls == 2


def test_a_layer_is_still_what_it_was(perceptron: Perceptron) -> None:
    before, names = perceptron.state_dict(), [name for name, _ in perceptron.named_modules()]
    make_direct(perceptron)
    assert perceptron.state_dict().keys() == before.keys()
    assert [name for name, _ in perceptron.named_modules()] == names
    assert isinstance(perceptron.layers[0], nn.Linear)
    assert torch.equal(copy.deepcopy(perceptron)(ROWS), perceptron(ROWS))


def _own_forward(layer: nn.Linear) -> None:
    layer.forward = lambda input: input[..., :6].new_zeros(len(input), 6)  # type: ignore[method-assign]  # noqa: A006


def _tensor_for_weight(layer: nn.Linear) -> None:
    del layer.weight
    layer.weight = torch.ones(6, 4)  # as some tools leave it


def _tensor_for_bias(layer: nn.Linear) -> None:
    del layer.bias
    layer.bias = torch.ones(6)  # type: ignore[assignment]


CHANGES: dict[str, Change] = {
    "a hook after it": lambda layer: layer.register_forward_hook(lambda *args: args[2] * 2),
    "a hook before it": lambda layer: layer.register_forward_pre_hook(lambda _, rows: (rows[0] + 1,)),
    "another forward": _own_forward,
    "a tensor for its weight": _tensor_for_weight,
    "a tensor for its bias": _tensor_for_bias,
    "a parametrization": nn.utils.parametrizations.weight_norm,
    "bfloat16": compute_in_bfloat16,
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_on_a_layer_counts(perceptron: Perceptron, name: str) -> None:
    CHANGES[name](perceptron.layers[0])  # type: ignore[arg-type]
    expected = copy.deepcopy(perceptron)(ROWS)
    assert torch.equal(make_direct(perceptron)(ROWS), expected)


LATER: dict[str, Change] = {
    **{name: CHANGES[name] for name in CHANGES if name not in ("another forward", "a parametrization", "bfloat16")},
    "a hook that rounds": lambda layer: layer.register_forward_hook(lambda *args: args[2].bfloat16().float()),
}


@pytest.mark.parametrize("name", LATER)
def test_what_is_changed_on_a_layer_later_counts_too(perceptron: Perceptron, name: str) -> None:
    changed = copy.deepcopy(perceptron)
    call = make_direct(perceptron)
    before = call(ROWS)
    for each in (perceptron, changed):
        LATER[name](each.layers[0])  # type: ignore[arg-type]
    assert torch.equal(call(ROWS), changed(ROWS))
    assert not torch.equal(call(ROWS), before)


@pytest.mark.parametrize("part", ["layers", "layers.1"])
@pytest.mark.parametrize("before", [True, False])
def test_hooks_of_every_kind_of_layer_run(perceptron: Perceptron, part: str, before: bool) -> None:
    call = make_direct(perceptron)
    layer, seen = perceptron.get_submodule(part), []
    register = layer.register_forward_pre_hook if before else layer.register_forward_hook
    register(lambda *_: seen.append(part))
    call(ROWS)
    assert seen == [part]


def test_a_module_with_a_hook_is_called_with_it(perceptron: Perceptron) -> None:
    perceptron.register_forward_hook(lambda *args: -args[2])
    expected = perceptron(ROWS)
    assert torch.equal(make_direct(perceptron)(ROWS), expected)


def test_a_module_that_is_called_in_a_way_of_its_own_stays_so() -> None:
    class Twice(Perceptron):
        def __call__(self, rows: Tensor) -> Tensor:
            return 2 * super().__call__(rows)  # type: ignore[no-any-return]

    module = Twice()
    assert make_direct(module) is module


def test_subclasses_and_compiled_layers_are_left_alone(perceptron: Perceptron) -> None:
    class Other(nn.Linear):
        pass

    perceptron.layers[0] = Other(4, 6)
    perceptron.layers[1].compile(backend="eager")
    make_direct(perceptron)
    assert [type(part) for part in perceptron.layers] == [Other, nn.ReLU, DirectLinear]


def test_where_every_module_has_a_hook_all_are_left_alone(perceptron: Perceptron, hooked_everywhere: list[str]) -> None:
    assert make_direct(perceptron) is perceptron
    make_direct(perceptron)(ROWS)
    assert hooked_everywhere == ["Linear", "ReLU", "Linear", "Sequential", "Perceptron"]
