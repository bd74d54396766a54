from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples, check_outputs, compare_golden, read_golden
from plimsoll.errors import BundleError
from safetensors.numpy import save

from tests.conftest import MakeBundle
from tests.doubles.bundles import replace_file, rewrite_manifest


def packed(inputs: NDArray[Any], outputs: NDArray[Any]) -> bytes:
    return GoldenSamples({"input": inputs}, {"output": outputs}).pack()


def zeros(*shape: int) -> NDArray[np.float32]:
    return np.zeros(shape, np.float32)


def refusal(bundle: Bundle, content: bytes) -> BundleError:
    """The error of a bundle with these golden samples."""
    with pytest.raises(BundleError) as caught:
        read_golden(replace_file(bundle, "golden.safetensors", content))
    return caught.value


def with_tolerance(bundle: Bundle, absolute: float, relative: float) -> Bundle:
    return rewrite_manifest(
        bundle, lambda fields: fields["golden"].update(absolute_tolerance=absolute, relative_tolerance=relative)
    )


def test_samples_come_back_as_they_were_packed(make_tiny_bundle: MakeBundle) -> None:
    inputs, outputs = np.random.default_rng(1).random((2, 7, 4), np.float32)
    fortran = np.asfortranarray(inputs)
    samples = read_golden(replace_file(make_tiny_bundle(), "golden.safetensors", packed(fortran, outputs[:, :3])))
    assert np.array_equal(samples.inputs["input"], inputs)
    assert np.array_equal(samples.outputs["output"], outputs[:, :3])


def test_tampered_samples_are_not_read(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "golden.safetensors").write_bytes(packed(zeros(1, 4), zeros(1, 3)))
    with pytest.raises(BundleError) as caught:
        read_golden(bundle)
    assert caught.value.check == "digest"


@pytest.mark.parametrize("content", [b"", b"no samples", b"\xff" * 64])
def test_a_file_that_is_not_safetensors_is_refused(make_tiny_bundle: MakeBundle, content: bytes) -> None:
    error = refusal(make_tiny_bundle(), content)
    assert error.check == "golden"
    assert error.message.startswith("the golden samples are not a safetensors file: ")


def test_a_datatype_that_numpy_does_not_have_is_refused(make_tiny_bundle: MakeBundle) -> None:
    header = json.dumps({"inputs.input": {"dtype": "BF16", "shape": [1, 4], "data_offsets": [0, 8]}}).encode()
    error = refusal(make_tiny_bundle(), struct.pack("<Q", len(header)) + header + bytes(8))
    assert error.check == "golden"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (save({"outputs.output": zeros(1, 3)}), "the golden samples hold no tensor 'inputs.input'"),
        (save({"inputs.input": zeros(1, 4)}), "the golden samples hold no tensor 'outputs.output'"),
        (
            packed(zeros(1, 5), zeros(1, 3)),
            "golden tensor 'inputs.input' should be FP32 of shape [-1, 4], it is float32 of shape [1, 5]",
        ),
        (
            packed(zeros(1, 4), zeros(1, 3).astype(np.float64)),
            "golden tensor 'outputs.output' should be FP32 of shape [-1, 3], it is float64 of shape [1, 3]",
        ),
        (packed(zeros(2, 4), zeros(1, 3)), "the golden samples need the same number of rows, at least 1, in every"),
        (packed(zeros(0, 4), zeros(0, 3)), "the golden samples need the same number of rows, at least 1, in every"),
    ],
)
def test_samples_that_do_not_fit_the_signature_are_refused(
    make_tiny_bundle: MakeBundle, content: bytes, sentence: str
) -> None:
    error = refusal(make_tiny_bundle(), content)
    assert error.check == "golden"
    assert sentence in error.message


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_samples_that_are_not_finite_prove_nothing_and_are_refused(
    make_tiny_bundle: MakeBundle, side: str, number: float
) -> None:
    tensors = {"inputs.input": zeros(2, 4), "outputs.output": zeros(2, 3)}
    name = next(name for name in tensors if name.startswith(side))
    tensors[name][1, 2] = number
    unbounded = rewrite_manifest(
        make_tiny_bundle(), lambda fields: fields["signature"]["inputs"][0].update(minimum=None, maximum=None)
    )
    error = refusal(unbounded, save(tensors))
    assert error.check == "golden"
    assert error.message == f"golden tensor '{name}' holds NaN or infinity, which proves nothing"


@pytest.mark.parametrize(
    ("output", "given"),
    [
        (zeros(5, 4), "float32 of shape [5, 4]"),
        (zeros(5), "float32 of shape [5]"),
        (zeros(5, 3).astype(np.float64), "float64 of shape [5, 3]"),
    ],
)
def test_outputs_of_another_shape_or_datatype_break_the_signature(
    make_tiny_bundle: MakeBundle, output: NDArray[Any], given: str
) -> None:
    with pytest.raises(BundleError) as caught:
        check_outputs({"output": output}, make_tiny_bundle().manifest.line_signature())
    assert (caught.value.check, caught.value.message) == (
        "signature",
        f"output 'output' should be FP32 of shape [-1, 3], the model gives {given}",
    )


def test_outputs_of_the_promised_shape_keep_the_signature(make_tiny_bundle: MakeBundle) -> None:
    check_outputs({"output": zeros(9, 3)}, make_tiny_bundle().manifest.line_signature())


def test_an_output_passes_exactly_when_it_lies_within_the_tolerance(make_tiny_bundle: MakeBundle) -> None:
    bundle = with_tolerance(make_tiny_bundle(), 0.25, 0.125)

    @given(off=st.floats(-1, 1, width=32), expected=st.floats(-100, 100, width=32))
    def holds(off: float, expected: float) -> None:
        wanted = np.full((2, 3), expected, np.float32)
        answered = wanted.copy()
        answered[1, 2] += np.float32(off)
        samples = GoldenSamples({}, {"output": wanted})
        if abs(float(answered[1, 2]) - expected) <= 0.25 + 0.125 * abs(expected):
            compare_golden(bundle, samples, {"output": answered})
        else:
            with pytest.raises(BundleError, match="golden sample 1 does not match"):
                compare_golden(bundle, samples, {"output": answered})

    holds()


def test_a_mismatch_says_which_sample_by_how_much_and_how_many(make_tiny_bundle: MakeBundle) -> None:
    bundle = with_tolerance(make_tiny_bundle(), 0.5, 0)
    outputs = zeros(4, 3)
    outputs[1, 0], outputs[3, 2] = 0.75, -2
    with pytest.raises(BundleError) as caught:
        compare_golden(bundle, GoldenSamples({}, {"output": zeros(4, 3)}), {"output": outputs})
    assert caught.value.check == "golden"
    assert caught.value.message == (
        "golden sample 1 does not match: output 'output' is off by 2 at most, "
        "allowed are 0.5 + 0 x |expected|; 2 of 4 samples fail"
    )


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_fails_whatever_the_tolerance(make_tiny_bundle: MakeBundle, number: float) -> None:
    bundle = with_tolerance(make_tiny_bundle(), 1e300, 1e300)
    outputs = zeros(2, 3)
    outputs[1, 1] = number
    with pytest.raises(BundleError) as caught:
        compare_golden(bundle, GoldenSamples({}, {"output": zeros(2, 3)}), {"output": outputs})
    assert caught.value.message == (
        "golden sample 1 does not match: output 'output' is off by inf at most, allowed are 1e+300 + 1e+300 x "
        "|expected|; 1 of 2 samples fail"
    )


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_answers_for_another_number_of_rows_fail(make_tiny_bundle: MakeBundle, rows: int) -> None:
    with pytest.raises(BundleError):
        compare_golden(make_tiny_bundle(), GoldenSamples({}, {"output": zeros(3, 3)}), {"output": zeros(rows, 3)})


def test_samples_of_every_length_come_back_as_they_were_packed(make_tiny_bundle: MakeBundle) -> None:
    lengths = [np.random.default_rng(n).random((rows, n), np.float32) for rows, n in ((2, 3), (1, 5), (4, 1))]
    each = [GoldenSamples({"input": tensor}, {"output": tensor * 2}) for tensor in lengths]
    bundle = rewrite_manifest(make_tiny_bundle(labels=None), _open_lengths)
    packed_all = GoldenSamples(each[0].inputs, each[0].outputs, tuple(each[1:])).pack()
    samples = read_golden(replace_file(bundle, "golden.safetensors", packed_all))
    for read, tensor in zip(samples.of_each_length, lengths, strict=True):
        assert np.array_equal(read.inputs["input"], tensor)
        assert np.array_equal(read.outputs["output"], tensor * 2)


def test_samples_of_another_length_are_checked_like_the_first(make_tiny_bundle: MakeBundle) -> None:
    bundle = rewrite_manifest(make_tiny_bundle(labels=None), _open_lengths)
    first = {"inputs.input": zeros(2, 3), "outputs.output": zeros(2, 3)}
    error = refusal(bundle, save({**first, "2.inputs.input": zeros(1, 4)}))
    assert error.message == "the golden samples hold no tensor '2.outputs.output'"
    many = {f"{n}.{side}": zeros(1, n) for n in range(2, 20) for side in first}
    assert "more than 8 lengths" in refusal(bundle, save(first | many)).message


def _open_lengths(fields: dict[str, Any]) -> None:
    for side in ("inputs", "outputs"):
        fields["signature"][side][0].update(shape=[-1, -1], minimum=None, maximum=None)
