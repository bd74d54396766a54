"""Golden samples: inputs with the answers that the model gave when its bundle was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from plimsoll.bundle.folder import Bundle
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.tensor_bounds import TensorBounds

MOST_LENGTHS = 8
"""Of the samples of one bundle; each length is proven whenever the bundle is loaded."""


@dataclass(frozen=True, slots=True)
class GoldenSamples:
    """Inputs and expected outputs by tensor name, as many rows in each.

    Rows of other lengths cannot be in the same tensors; `others` are the samples of these, each without others.
    """

    inputs: Tensors
    outputs: Tensors
    others: tuple[GoldenSamples, ...] = ()

    @property
    def of_each_length(self) -> tuple[GoldenSamples, ...]:
        """The samples of every length, these first."""
        return (self, *self.others)

    def pack(self) -> bytes:
        """One safetensors file with tensors `inputs.<name>` and `outputs.<name>`.

        The samples of other lengths are `2.inputs.<name>`, `2.outputs.<name>`, `3.inputs.<name>` and so on.
        """
        return save(
            {
                f"{_prefix(number)}{side}.{name}": np.ascontiguousarray(tensor)
                for number, samples in enumerate(self.of_each_length, start=1)
                for side, tensors in (("inputs", samples.inputs), ("outputs", samples.outputs))
                for name, tensor in tensors.items()
            }
        )


def read_golden(bundle: Bundle) -> GoldenSamples:
    """The golden samples of a bundle, checked against its signature.

    Raises:
        BundleError: with check `digest`, or `golden` when they do not fit the signature.
    """
    try:
        tensors = load(bundle.read(bundle.manifest.golden.file))
    except SafetensorError as error:
        raise BundleError("golden", f"the golden samples are not a safetensors file: {error}") from None
    except KeyError as error:
        raise BundleError("golden", f"the golden samples are of a datatype that cannot be read: {error}") from None
    signature = bundle.manifest.line_signature()
    others: list[GoldenSamples] = []
    while any(name.startswith(_prefix(len(others) + 2)) for name in tensors):
        others.append(_of_one_length(tensors, signature, _prefix(len(others) + 2)))
        if len(others) >= MOST_LENGTHS:
            raise BundleError("golden", f"the golden samples have more than {MOST_LENGTHS} lengths")
    first = _of_one_length(tensors, signature, "")
    return GoldenSamples(first.inputs, first.outputs, tuple(others))


def _prefix(number: int) -> str:
    return f"{number}." if number > 1 else ""


def _of_one_length(tensors: Tensors, signature: Signature, prefix: str) -> GoldenSamples:
    samples = GoldenSamples(
        inputs={spec.name: _pick(tensors, f"{prefix}inputs", spec) for spec in signature.inputs},
        outputs={spec.name: _pick(tensors, f"{prefix}outputs", spec) for spec in signature.outputs},
    )
    for side, tensors_of_side in (("inputs", samples.inputs), ("outputs", samples.outputs)):
        for name, tensor in tensors_of_side.items():
            if not all_finite(tensor):
                raise BundleError(
                    "golden", f"golden tensor '{prefix}{side}.{name}' holds NaN or infinity, which proves nothing"
                )
    check_bounds(samples, signature)
    rows = {len(tensor) for tensor in (*samples.inputs.values(), *samples.outputs.values())}
    if len(rows) != 1 or 0 in rows:
        raise BundleError("golden", "the golden samples need the same number of rows, at least 1, in every tensor")
    return samples


def check_bounds(samples: GoldenSamples, signature: Signature) -> None:
    """Raise a `BundleError` with check `golden` unless every input lies within the signature's bounds."""
    for spec in signature.inputs:
        tensor = samples.inputs[spec.name]
        if not TensorBounds(spec).hold(tensor):
            raise BundleError(
                "golden",
                f"the golden samples of input '{spec.name}' reach from {tensor.min()} to {tensor.max()}, which the "
                f"signature's minimum {spec.minimum} or maximum {spec.maximum} excludes",
            )


def all_finite(tensor: NDArray[Any]) -> bool:
    """Whether a tensor holds neither NaN nor infinity; one of whole numbers never does."""
    return not np.issubdtype(tensor.dtype, np.inexact) or bool(np.isfinite(tensor).all())


def check_outputs(outputs: Tensors, signature: Signature) -> None:
    """Raise a `BundleError` with check `signature` unless every output has the promised datatype and shape."""
    for spec in signature.outputs:
        tensor = outputs[spec.name]
        if not spec.accepts(tensor):
            raise BundleError(
                "signature",
                f"output '{spec.name}' should be {spec.datatype} of shape {list(spec.shape)}, "
                f"the model gives {tensor.dtype} of shape {list(tensor.shape)}",
            )


def compare_golden(bundle: Bundle, samples: GoldenSamples, outputs: Tensors) -> None:
    """Raise a `BundleError` with check `golden` unless `outputs` match the samples within the manifest's tolerance."""
    golden = bundle.manifest.golden
    for name, expected in samples.outputs.items():
        given = outputs[name]
        if given.shape != expected.shape:
            raise BundleError(
                "golden",
                f"output '{name}' is of shape {list(given.shape)}, the golden samples expect {list(expected.shape)}",
            )
        exact = expected.astype(np.float64)
        off = np.abs(given.astype(np.float64) - exact)
        allowed = golden.absolute_tolerance + golden.relative_tolerance * np.abs(exact)
        wrong = ~(off <= allowed)  # so that NaN is wrong
        if wrong.any():
            row = int(np.argwhere(wrong)[0][0])
            worst = float(np.max(np.where(np.isnan(off), np.inf, off)))
            raise BundleError(
                "golden",
                f"golden sample {row} does not match: output '{name}' is off by {worst:.3g} at most, allowed are "
                f"{golden.absolute_tolerance:g} + {golden.relative_tolerance:g} x |expected|; "
                f"{int(wrong.reshape(len(wrong), -1).any(axis=1).sum())} of {len(wrong)} samples fail",
            )


def _pick(tensors: Tensors, side: str, spec: TensorSpec) -> NDArray[Any]:
    tensor = tensors.get(f"{side}.{spec.name}")
    if tensor is None:
        raise BundleError("golden", f"the golden samples hold no tensor '{side}.{spec.name}'")
    if not spec.accepts(tensor):
        raise BundleError(
            "golden",
            f"golden tensor '{side}.{spec.name}' should be {spec.datatype} of shape {list(spec.shape)}, "
            f"it is {tensor.dtype} of shape {list(tensor.shape)}",
        )
    return tensor
