from __future__ import annotations

from typing import Any

import pytest
from plimsoll.bundle.padding_options import padding_of, padding_of_manifest
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Datatype, Signature, TensorSpec

from tests.conftest import MakeBundle
from tests.doubles.bundles import rewrite_manifest

OUT = TensorSpec("y", "FP32", (-1, 2))
IDS = TensorSpec("ids", "INT64", (-1, -1))
FLOATS = TensorSpec("floats", "FP16", (-1, -1, 4))
BYTES = TensorSpec("bytes", "UINT8", (-1, -1))
FLAGS = TensorSpec("flags", "BOOL", (-1, -1))
FIXED = TensorSpec("fixed", "FP32", (-1, 3))
MASK = TensorSpec("mask", "INT64", (-1, -1))
ALL = Signature((IDS, FLOATS, BYTES, FLAGS, FIXED, MASK), (OUT,))


def refusal(padding: object, signature: Signature = ALL) -> str:
    with pytest.raises(BundleError) as caught:
        padding_of(signature, {"padding": padding})
    assert caught.value.check == "task"
    assert caught.value.message.startswith("the option 'padding' ")
    return caught.value.message.removeprefix("the option 'padding' ")


def test_without_the_option_nothing_is_padded() -> None:
    assert padding_of(ALL, {}) is None


def test_every_input_of_open_length_is_padded_with_its_value_or_with_0() -> None:
    values = {"ids": 7, "floats": -0.5, "flags": True}
    padding = padding_of(ALL, {"padding": {"lengths": [16, 48], "mask": "mask", "values": values}})
    assert padding is not None
    assert (padding.lengths, padding.mask, padding.inputs) == ((16, 48), "mask", ALL.inputs)
    assert padding.values == {"ids": 7, "floats": -0.5, "bytes": 0, "flags": True}


@pytest.mark.parametrize(
    ("longest", "lengths"),
    [(1, (1,)), (8, (8,)), (9, (8, 9)), (100, (8, 16, 32, 64, 100)), (128, (8, 16, 32, 64, 128))],
)
def test_the_longest_alone_gives_powers_of_two_below_it(longest: int, lengths: tuple[int, ...]) -> None:
    padding = padding_of(Signature((IDS,), (OUT,)), {"padding": {"longest": longest}})
    assert padding is not None
    assert (padding.lengths, padding.mask) == (lengths, None)


@pytest.mark.parametrize("datatype", ["BOOL", "UINT8", "INT32", "INT64", "FP16", "FP32", "FP64"])
def test_a_mask_may_be_of_any_datatype(datatype: Datatype) -> None:
    mask = TensorSpec("mask", datatype, (-1, -1), minimum=0, maximum=1)
    assert padding_of(Signature((IDS, mask), (OUT,)), {"padding": {"longest": 8, "mask": "mask"}}) is not None


@pytest.mark.parametrize(
    ("padding", "sentence"),
    [
        (True, "is malformed: "),
        ({"longest": 8, "size": 1}, "is malformed: size: "),
        ({"longest": "8"}, "is malformed: longest: "),
        ({"longest": 0}, "is malformed: longest: "),
        ({"longest": 1 << 19}, "is malformed: longest: "),
        ({"lengths": []}, "is malformed: lengths: "),
        ({"lengths": list(range(1, 18))}, "is malformed: lengths: "),
        ({"lengths": [8, 4]}, "has the lengths [8, 4], which should ascend"),
        ({"lengths": [8, 8]}, "has the lengths [8, 8], which should ascend"),
        ({}, "needs either 'lengths' or 'longest', and has neither"),
        ({"lengths": [8], "longest": 8}, "needs either 'lengths' or 'longest', and has both"),
        ({"longest": 8, "mask": "nothing"}, "does not fit the signature: the mask 'nothing' is no input; the inputs"),
        ({"longest": 8, "mask": "fixed"}, "does not fit the signature: the mask 'fixed' is FP32 [-1, 3], and a mask"),
        ({"longest": 8, "mask": "floats"}, "does not fit the signature: the mask 'floats' is FP16 [-1, -1, 4], and"),
        ({"longest": 8, "values": {"fixed": 1}}, "has a value for 'fixed'; the inputs that are padded with a value"),
        ({"longest": 8, "mask": "mask", "values": {"mask": 0}}, "has a value for 'mask'; the inputs that are padded"),
        ({"longest": 8, "values": {"ids": 0.5}}, "pads 'ids' with 0.5, which is no INT64"),
        ({"longest": 8, "values": {"ids": True}}, "pads 'ids' with True, which is no INT64"),
        ({"longest": 8, "values": {"bytes": 256}}, "pads 'bytes' with 256, which is no UINT8"),
        ({"longest": 8, "values": {"bytes": -1}}, "pads 'bytes' with -1, which is no UINT8"),
        ({"longest": 8, "values": {"floats": 1e9}}, "pads 'floats' with 1000000000.0, which is no FP16"),
        ({"longest": 8, "values": {"flags": 2}}, "pads 'flags' with 2, which is no BOOL"),
        ({"longest": 8, "values": {"ids": float("nan")}}, "is malformed: values.ids"),
    ],
)
def test_each_fault_of_the_option_has_a_sentence(padding: object, sentence: str) -> None:
    assert refusal(padding).startswith(sentence)


@pytest.mark.parametrize(
    ("inputs", "mask", "sentence"),
    [
        ([FIXED], None, "every input has a fixed shape, so there is nothing to pad; leave the option out"),
        ([TensorSpec("pairs", "FP32", (-1, -1, -1))], None, "its input 'pairs' is FP32 [-1, -1, -1], and an input"),
        ([MASK, FIXED], "mask", "the mask 'mask' is the only input of open length, so there is nothing to pad"),
        ([IDS, TensorSpec("mask", "FP32", (-1, -1), minimum=0.5)], "mask", "the mask 'mask' holds 0 and 1, which"),
        ([IDS, TensorSpec("mask", "FP32", (-1, -1), maximum=0)], "mask", "the mask 'mask' holds 0 and 1, which its"),
    ],
)
def test_each_signature_that_cannot_be_padded_has_a_sentence(
    inputs: list[TensorSpec], mask: str | None, sentence: str
) -> None:
    padding: dict[str, Any] = {"longest": 8} if mask is None else {"longest": 8, "mask": mask}
    assert refusal(padding, Signature(tuple(inputs), (OUT,))).startswith(f"does not fit the signature: {sentence}")


@pytest.mark.parametrize("lengths", [{"longest": 1 << 18}, {"lengths": [8, 1 << 18]}])
def test_the_longest_row_has_a_bound_of_elements_in_all_inputs(lengths: dict[str, Any]) -> None:
    signature = Signature((TensorSpec("x", "FP32", (-1, -1, 15)), IDS), (OUT,))
    assert padding_of(signature, {"padding": lengths}) is not None
    larger = Signature((*signature.inputs, TensorSpec("one", "FP32", (-1, 1))), (OUT,))
    assert refusal(lengths, larger) == (
        "gives the longest row, of 262144 places, 4194305 elements in all inputs, and a row may have at most 4194304; "
        "lower the longest length, or leave the option out"
    )
    assert "26214400000 elements" in refusal(lengths, Signature((TensorSpec("x", "FP32", (-1, -1, 100_000)),), (OUT,)))


def test_only_tasks_that_know_the_option_have_their_rows_padded(make_tiny_bundle: MakeBundle) -> None:
    def change(fields: dict[str, Any]) -> None:
        fields["options"] = {"padding": {"longest": 8}}
        fields["signature"]["inputs"][0]["shape"] = [-1, -1]

    bundle = rewrite_manifest(make_tiny_bundle(), change)
    assert padding_of_manifest(bundle.manifest) is None
    padding = padding_of_manifest(bundle.manifest.model_copy(update={"task": "tensors"}))
    assert padding is not None
    assert padding.lengths == (8,)
