"""The outputs of a forward pass by the names of a signature, in whatever form the module gives them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from torch import Tensor

from plimsoll.errors import BundleError

_MOST_LISTED = 8
_LONGEST_NAME = 40


def named_outputs(result: object, wanted: Sequence[str] = ()) -> dict[str, Tensor]:
    """Name the outputs of a module of which a bundle is made.

    A mapping, a named tuple and a dataclass name their outputs themselves, and `wanted` chooses among them; without it
    all are taken. A tensor, a tuple and a list have no names, so `wanted` names them in their order; without it they
    are `output`, or `output_0`, `output_1` and so on. Fewer names than outputs choose among these. An output that is
    `None` is left out.

    Raises:
        BundleError: with check `signature`, when an output is no tensor, or the names do not fit.
    """
    outputs = _by_name(result)
    if outputs is None:
        values = _in_order(result)
        outputs = _chosen(values, wanted) or _number(values, wanted)
    elif missing := [name for name in wanted if name not in outputs]:
        raise BundleError("signature", f"the model gives {_listed(outputs)}, and no output '{missing[0][:40]}'")
    return {name: _tensor(name, outputs[name], outputs) for name in wanted or outputs}


def signature_outputs(result: object, names: Sequence[str]) -> Sequence[Tensor]:
    """The outputs that a signature names: by name where the module gives names, by position otherwise.

    Of outputs without names a signature may have only some, as `output_0`.

    Raises:
        BundleError: with check `signature`, when the module gives other outputs than the signature names.
    """
    outputs = _by_name(result)
    if outputs is not None and all(name in outputs for name in names):
        return [_tensor(name, outputs[name], outputs) for name in names]
    if isinstance(result, Mapping):
        given = outputs or {}
        missing = next(name for name in names if name not in given)
        raise BundleError("signature", f"the model gives {_listed(given)}, and no output '{missing}'")
    values = _in_order(result) if outputs is None else list(outputs.values())
    if outputs is None and (chosen := _chosen(values, names)):
        return [_tensor(name, value, chosen) for name, value in chosen.items()]
    if len(values) != len(names):
        raise BundleError("signature", f"the model gives {len(values)} outputs, the signature names {len(names)}")
    by_name = dict(zip(names, values, strict=True))
    return [_tensor(name, value, by_name) for name, value in by_name.items()]


def _by_name(result: object) -> Mapping[str, object] | None:
    """The outputs by the names that the module gives them; `None` if it gives none."""
    if isinstance(result, Mapping):
        given = dict(result)
    elif isinstance(result, tuple) and isinstance(fields := getattr(result, "_fields", None), tuple):
        given = dict(zip(fields, result, strict=True))
    elif dataclasses.is_dataclass(result) and not isinstance(result, type):
        given = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    else:
        return None
    return {name: value for name, value in given.items() if value is not None}


def _in_order(result: object) -> list[object]:
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, tuple | list):
        return [value for value in result if value is not None]
    raise BundleError("signature", f"the model gives {type(result).__name__}, and not one or several tensors")


def _chosen(values: Sequence[object], wanted: Sequence[str]) -> dict[str, object]:
    """Some of several outputs by the names of their places, `output_0` and so on; none if `wanted` has other names."""
    if not 0 < len(wanted) < len(values):
        return {}
    places = _number(values, ())
    return {name: places[name] for name in wanted} if set(wanted) <= places.keys() else {}


def _number(values: Sequence[object], wanted: Sequence[str]) -> dict[str, object]:
    names = wanted or (["output"] if len(values) == 1 else [f"output_{place}" for place in range(len(values))])
    if len(names) != len(values):
        raise BundleError(
            "signature",
            f"the model gives {len(values)} outputs, and {len(names)} names are given for them, "
            f"{', '.join(names[:_MOST_LISTED])}",
        )
    return dict(zip(names, values, strict=True))


def _tensor(name: object, value: object, outputs: Mapping[str, object]) -> Tensor:
    if not isinstance(name, str):
        raise BundleError("signature", f"the model names an output {name!r:.40}, and a name is text")
    if not isinstance(value, Tensor):
        others = [other for other, each in outputs.items() if isinstance(each, Tensor)]
        raise BundleError(
            "signature",
            f"the output '{name[:40]}' of the model is of the type {type(value).__name__}, and only tensors can be "
            f"served; the tensors among its outputs are {_listed(others)}; choose those to serve with --output-name",
        )
    return value


def _listed(names: Mapping[str, object] | Sequence[object]) -> str:
    return ", ".join(f"'{str(name)[:_LONGEST_NAME]}'" for name in list(names)[:_MOST_LISTED]) or "no output"
