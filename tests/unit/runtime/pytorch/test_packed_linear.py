"""Packed layers answer as plain ones do, and what cannot be packed safely is left alone."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plimsoll.runtime.pytorch.packed_linear import PackedLinear, can_pack, pack_weights
from torch import Tensor, nn

pytestmark = pytest.mark.skipif(
    not can_pack(), reason="this torch was built without oneDNN; `pip install torch` on x86"
)


def linear(wide: int = 600, narrow: int = 500, *, bias: bool = True) -> nn.Linear:
    torch.manual_seed(wide + narrow)
    return nn.Linear(wide, narrow, bias=bias).requires_grad_(requires_grad=False).eval()


@settings(deadline=None)
@given(
    shape=st.lists(st.integers(0, 9), max_size=3),
    wide=st.integers(1, 40),
    narrow=st.integers(1, 40),
    bias=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_answers_as_the_plain_layer(shape: list[int], wide: int, narrow: int, bias: bool, seed: int) -> None:
    torch.manual_seed(seed)
    plain = nn.Linear(wide, narrow, bias=bias).requires_grad_(requires_grad=False)
    rows = torch.randn(*shape, wide)
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear(plain.weight, plain.bias)(rows), plain(rows))


def test_large_layers_are_packed_and_small_ones_are_not() -> None:
    module = pack_weights(nn.Sequential(linear(600, 500), nn.ReLU(), linear(500, 10)))
    assert [type(part) for part in module.children()] == [PackedLinear, nn.ReLU, nn.Linear]


def test_a_module_that_is_a_layer_itself() -> None:
    assert isinstance(pack_weights(linear()), PackedLinear)


def test_a_layer_in_two_places_stays_one() -> None:
    layer = linear(600, 600)
    module = pack_weights(nn.Sequential(layer, nn.ReLU(), layer))
    first, _, last = module.get_submodule("0"), module.get_submodule("1"), module.get_submodule("2")
    assert isinstance(first, PackedLinear)
    assert first is last


def test_the_plain_weights_are_let_go() -> None:
    layer = linear()
    plain = weakref.ref(layer.weight)
    module = pack_weights(nn.Sequential(layer))
    del layer
    gc.collect()
    assert isinstance(module.get_submodule("0"), PackedLinear)
    assert plain() is None


def test_the_weights_can_still_be_read_and_written() -> None:
    layer = linear()
    packed = PackedLinear(layer.weight, layer.bias)
    assert torch.equal(packed.weight, layer.weight)
    rows = torch.randn(3, 600)
    with torch.inference_mode():
        packed.weight.clamp_(min=0)
        layer.weight.clamp_(min=0)
        assert torch.equal(packed(rows), layer(rows))


def test_gradients_are_as_before() -> None:
    layer, rows = linear(), torch.randn(2, 600)
    packed = PackedLinear(layer.weight, layer.bias)
    gradients = []
    for each in (packed, layer):
        with torch.inference_mode(), torch.inference_mode(mode=False), torch.enable_grad():
            given = rows.clone().requires_grad_()
            gradients.append(torch.autograd.grad(each(given).sum(), given)[0])
    assert torch.equal(*gradients)


def test_autocast_is_heeded() -> None:
    layer, rows = linear(), torch.randn(2, 600)
    packed = PackedLinear(layer.weight, layer.bias)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert packed(rows).dtype == torch.bfloat16
        assert torch.equal(packed(rows), layer(rows))


def test_a_layer_that_somebody_has_changed_stays_as_it_is() -> None:
    patched, marked, buffered = linear(), linear(), linear()
    patched.forward = lambda rows: rows  # type: ignore[method-assign, assignment]
    marked.scale = 2.0  # type: ignore[assignment]
    buffered.register_buffer("seen", torch.zeros(1))
    for layer in (patched, marked, buffered):
        assert pack_weights(layer) is layer


def test_a_module_keeps_a_parameter_to_tell_its_device_by() -> None:
    module = pack_weights(nn.Sequential(linear(600, 600, bias=False), linear(600, 600, bias=False)))
    assert [type(part) for part in module.children()] == [PackedLinear, nn.Linear]
    assert next(module.parameters()).device.type == "cpu"


def test_shared_weights_stay_as_they_are() -> None:
    words, head = nn.Embedding(600, 500), linear(500, 600, bias=False)
    head.weight = words.weight
    module = pack_weights(nn.ModuleList([words, head]))
    assert isinstance(module.get_submodule("1"), nn.Linear)


def test_a_layer_with_hooks_stays_as_it_is() -> None:
    layer = linear()
    layer.register_forward_pre_hook(lambda _layer, _rows: None)
    assert pack_weights(layer) is layer


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_datatypes_stay_as_they_are(dtype: torch.dtype) -> None:
    layer = linear().to(dtype)
    assert pack_weights(layer) is layer


def test_a_transformer_encoder_answers_as_before() -> None:
    torch.manual_seed(7)
    layer = nn.TransformerEncoderLayer(512, 4, 1024, batch_first=True).requires_grad_(requires_grad=False).eval()
    rows = torch.randn(2, 5, 512)
    with torch.inference_mode():
        before = layer(rows)
        torch.testing.assert_close(pack_weights(layer)(rows), before)
    assert type(layer.linear1) is nn.Linear


@pytest.mark.parametrize("rows", [torch.ones(2, 599), torch.ones(2, 600, dtype=torch.float64)])
def test_wrong_rows_are_refused_in_the_words_of_the_plain_layer(rows: Tensor) -> None:
    layer = linear()
    with pytest.raises(RuntimeError) as plain:
        layer(rows)
    with pytest.raises(RuntimeError) as packed, torch.inference_mode():
        PackedLinear(layer.weight, layer.bias)(rows)
    assert str(packed.value) == str(plain.value)
