"""The response cache: outputs by a hash of their inputs."""

from __future__ import annotations

import hashlib
from typing import Protocol

from plimsoll.inference.payloads import Tensors

_KEY_BYTES = 32


class ResponseCache(Protocol):
    """Keeps outputs by key. Bounded in size; may evict any entry at any time."""

    def get(self, key: bytes) -> Tensors | None:
        """The outputs under a key, or `None` after eviction. They are shared, so the caller must not change them."""
        ...

    def put(self, key: bytes, outputs: Tensors) -> None:
        """Keep outputs under a key."""
        ...


def cache_key(model: str, version: str, digest: str, inputs: Tensors) -> bytes:
    """The key of one input of one bundle.

    It hashes the decoded tensors and not the request's text, so that 0.10 and 0.1 are the same input. The hash includes
    names, datatypes and shapes, so that different inputs never have the same encoding. BLAKE2b (RFC 7693) of 256 bits
    resists collisions: nobody can construct a second input with the same key.
    """
    digester = hashlib.blake2b(f"{model}\0{version}\0{digest}".encode(), digest_size=_KEY_BYTES)
    for name, tensor in inputs.items():
        digester.update(f"\0{name}\0{tensor.dtype.str}\0{tensor.shape}\0".encode())
        digester.update(tensor.tobytes())
    return digester.digest()
