"""Models that POST /v1/predict can ask."""

from __future__ import annotations

from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, TensorSpec

CHECK = "route"
_ASKED = (
    "POST /v1/predict asks models of one input, FP32 or FP64 of shape [-1, N] with N fixed, and of one output, a score "
    "in FP16, FP32 or FP64 for each label, or one score with a threshold"
)
_ROWS = 2
"""Dimensions of a tensor of flat rows: the batch, and the numbers of a row."""


def check_askable(signature: Signature) -> None:
    """Refuses a model that no route can ask, before it serves; `v1_json` relies on that.

    Raises:
        BundleError: with check `route`; the message says what the model has, what can be asked, and what helps.
    """
    fault = _fault_of_input(signature) or _fault_of_output(signature)
    if fault:
        raise BundleError(CHECK, f"no route can ask this model: {fault}; {_ASKED}")


def _fault_of_input(signature: Signature) -> str:
    if len(signature.inputs) != 1:
        return f"it has {len(signature.inputs)} inputs, {_listed(signature.inputs)}"
    (spec,) = signature.inputs
    given = f"its input '{spec.name}' is {spec.datatype} {list(spec.shape)}"
    if spec.open_dimensions:
        return f"{given}, whose rows may differ in length; pad them to one length"
    if spec.datatype not in ("FP32", "FP64"):
        return f"{given}; take FP32, and let forward begin with rows.to(torch.{spec.dtype.name})"
    if len(spec.shape) != _ROWS:
        shape = ", ".join(str(length) for length in spec.shape)
        return f"{given}; take flat rows, and let forward begin with rows.view({shape})"
    return ""


def _fault_of_output(signature: Signature) -> str:
    if len(signature.outputs) != 1:
        return f"it has {len(signature.outputs)} outputs, {_listed(signature.outputs)}"
    (spec,) = signature.outputs
    given = f"its output '{spec.name}' is {spec.datatype} {list(spec.shape)}"
    one_score = spec.threshold is not None
    if not spec.datatype.startswith("FP") or (len(spec.shape) != _ROWS and not one_score):
        return f"{given}; give one score for each class"
    if not spec.labels:
        return f"{given} without labels; name its classes"
    return ""


def _listed(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"'{spec.name}'" for spec in specs)
