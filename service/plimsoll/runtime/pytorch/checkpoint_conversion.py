"""Converts a state dict of `torch.save` to safetensors: `python -m` this module, as a process of its own.

Only `bundle create` starts it, through `read_weights`. The file is foreign: torch reads it with `weights_only`, which
runs no code of it, in a process whose memory and processor time are bounded.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.serialization import get_unsafe_globals_in_checkpoint

from plimsoll.errors import BundleError
from plimsoll.quoting import quote

CPU_SECONDS = 600
_SPARE_BYTES = 1 << 30
_COPIES = 3
"""Of the file in memory: as torch reads it, as tensors, and while they are written."""
_NESTS = ("state_dict", "model_state_dict", "model", "module")
"""The fields of a checkpoint in which training scripts put the state dict."""
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
_MOST_LISTED = 5


def convert(source: Path, target: Path) -> list[str]:
    """Write the tensors of the state dict in `source` as safetensors to `target`; returns notes on what was done.

    Raises:
        BundleError: with check `weights`, when the file holds anything but tensors, or needs more memory than there is.
    """
    try:
        with source.open("rb") as file:  # torch goes by the name of a path
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise _refusal(_reason(source, error)) from error
    notes: list[str] = []
    state = _state_dict(content, notes)
    if state is None:
        kind = f"a dict of {_listed(content)}" if isinstance(content, Mapping) else f"a {type(content).__name__}"
        raise _refusal(f"the file of weights holds {kind}, and no state dict; save model.state_dict()")
    tensors = _dense_tensors(state)
    if left := [name for name in state if name not in tensors]:
        notes.append(f"{_listed(left)} of the file of weights: left out, because only tensors are weights")
    try:
        save_file(_apart(tensors, notes), target)
    except Exception as error:  # of tensors that claim more than their memory
        raise _refusal(
            f"the tensors of the file of weights cannot be written as safetensors: it raised {type(error).__name__}"
        ) from error
    return notes


def _refusal(sentence: str) -> BundleError:
    return BundleError("weights", sentence)


def _dense_tensors(state: Mapping[object, object]) -> dict[str, torch.Tensor]:
    tensors = {}
    for name, tensor in state.items():
        if not isinstance(name, str):
            raise _refusal(f"the file of weights names a tensor {name!r:.40}, and a name is text")
        if not isinstance(tensor, torch.Tensor):
            continue
        if tensor.layout != torch.strided:
            form = str(tensor.layout).removeprefix("torch.")
            raise _refusal(f"the tensor {quote(name)} of the file of weights is {form}, and only dense ones are read")
        tensors[name] = tensor
    return tensors


def _state_dict(content: object, notes: list[str]) -> Mapping[object, object] | None:
    while isinstance(content, Mapping):
        if not content or any(isinstance(value, torch.Tensor) for value in content.values()):
            return content
        nest = next((name for name in _NESTS if isinstance(content.get(name), Mapping)), None)
        if nest is None:
            return None
        rest = [name for name in content if name != nest]
        notes.append(f"the weights are '{nest}' of the file{f', without {_listed(rest)}' if rest else ''}")
        content = content[nest]
    return None


def _apart(tensors: Mapping[str, torch.Tensor], notes: list[str]) -> dict[str, torch.Tensor]:
    """The tensors in memory of their own, as a file of safetensors needs them."""
    apart: dict[str, torch.Tensor] = {}
    seen: dict[int, str] = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        place = storage.data_ptr()
        if place and place in seen:
            notes.append(
                f"{quote(name)} and {quote(seen[place])} share memory in the file of weights; each gets its own copy"
            )
        seen.setdefault(place, name)
        plain = tensor.detach()
        alone = plain.is_contiguous() and storage.nbytes() == plain.nbytes and seen[place] == name
        apart[name] = plain if alone else plain.clone(memory_format=torch.contiguous_format)
    return apart


def _reason(source: Path, error: Exception) -> str:
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return f"the file of weights needs more memory than {_COPIES} times its size"
    try:
        found = get_unsafe_globals_in_checkpoint(str(source))
    except Exception:  # noqa: BLE001  # it reads zip files alone
        found = _GLOBAL.findall(str(error))
    if not found:
        return (
            "the file of weights is no state dict of torch.save that can be read without running code of the file: it "
            f"raised {type(error).__name__}; save model.state_dict() again"
        )
    return (
        f"the file of weights holds Python objects of {_listed(found)} and not only tensors, as a whole pickled module "
        "does; to load them runs code of the file, so nothing was loaded. If you trust it, load it where its classes "
        "are, save safetensors.torch.save_file(model.state_dict(), 'weights.safetensors'), and give the class as "
        "--factory"
    )


def _listed(names: object) -> str:
    listed = list(names) if isinstance(names, Mapping | list) else []
    more = f" and {len(listed) - _MOST_LISTED} more" if len(listed) > _MOST_LISTED else ""
    return ", ".join(quote(str(name), 40) for name in listed[:_MOST_LISTED]) + more


def _bound_resources(source: Path) -> None:
    """Bound the memory of this process by the size of the file, and its processor time."""
    torch.set_num_threads(1)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + _COPIES * source.stat().st_size + _SPARE_BYTES
    for kind, bound in ((resource.RLIMIT_AS, most), (resource.RLIMIT_CPU, CPU_SECONDS)):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            bound = min(bound, hard)  # noqa: PLW2901
        resource.setrlimit(kind, (bound, bound))


def _main(source: Path, target: Path) -> None:
    _bound_resources(source)
    try:
        answer = {"refused": "", "notes": convert(source, target)}
    except BundleError as error:
        answer = {"refused": error.message, "notes": []}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
