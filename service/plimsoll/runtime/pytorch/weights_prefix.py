"""Takes off what wrappers of a module put before the names of its weights."""

from __future__ import annotations

import json
from collections.abc import Collection

_PREFIXES = ("module.", "_orig_mod.")
"""Of DataParallel and DistributedDataParallel, and of torch.compile."""
_METADATA = "__metadata__"


def without_prefix(weights: bytes, wanted: Collection[str]) -> tuple[bytes, str]:
    """The same safetensors file with names as the module has them, and what was taken off each of them.

    Nothing is, where not every name begins with it or the module, whose names are `wanted`, knows one of them as it is.
    Bytes that are no safetensors file come back as they are.
    """
    length = int.from_bytes(weights[:8], "little")
    try:
        header = json.loads(weights[8 : 8 + length])
    except (ValueError, RecursionError):
        return weights, ""
    names = [name for name in header if name != _METADATA] if isinstance(header, dict) else []
    taken = ""
    while names and not set(names) & set(wanted):
        prefix = next((each for each in _PREFIXES if all(name.startswith(each) for name in names)), None)
        if prefix is None:
            return weights, ""
        taken += prefix
        names = [name.removeprefix(prefix) for name in names]
    if not taken:
        return weights, ""
    renamed = {name if name == _METADATA else name.removeprefix(taken): entry for name, entry in header.items()}
    written = json.dumps(renamed).encode()
    written += b" " * (-len(written) % 8)  # the tensors stay aligned
    return len(written).to_bytes(8, "little") + written + weights[8 + length :], taken
