"""Signatures with one input of flat rows of numbers."""

from __future__ import annotations

from plimsoll.inference.payloads import Signature, TensorSpec

DIMENSIONS = 2
"""Of a tensor of flat rows: the batch, and the numbers of a row."""


def fault_of_flat_input(signature: Signature) -> str:
    """Why the rows of this signature are not flat rows of numbers, and what helps; empty where they are."""
    if len(signature.inputs) != 1:
        return f"it has {len(signature.inputs)} inputs, {listed(signature.inputs)}"
    (spec,) = signature.inputs
    given = f"its input '{spec.name}' is {spec.datatype} {list(spec.shape)}"
    if spec.open_dimensions:
        return f"{given}, whose rows may differ in length; pad them to one length"
    if spec.datatype not in ("FP32", "FP64"):
        return f"{given}; take FP32, and let forward begin with rows.to(torch.{spec.dtype.name})"
    if len(spec.shape) != DIMENSIONS:
        shape = ", ".join(str(length) for length in spec.shape)
        return f"{given}; take flat rows, and let forward begin with rows.view({shape})"
    return ""


def listed(specs: tuple[TensorSpec, ...]) -> str:
    """The names of tensors, quoted."""
    return ", ".join(f"'{spec.name}'" for spec in specs)
