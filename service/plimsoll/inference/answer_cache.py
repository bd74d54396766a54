"""Answers that were given before."""

from __future__ import annotations

import hashlib
from typing import Protocol

from plimsoll.inference.payloads import Tensors

_KEY_BYTES = 32


class ResponseCache(Protocol):
    """Somewhere to keep outputs by key. Bounded; may forget anything at any time."""

    def get(self, key: bytes) -> Tensors | None:
        """The outputs kept under a key, if they still are. They are shared, so nobody writes into them."""
        ...

    def put(self, key: bytes, outputs: Tensors) -> None:
        """Keep outputs under a key."""
        ...


def cache_key(model: str, version: str, digest: str, inputs: Tensors) -> bytes:
    """The key of one input of one bundle.

    The decoded tensors are hashed and not the request's text, so that 0.10 and 0.1 are the same input; names, datatypes
    and shapes are part of it, so that no two inputs can be read as one. BLAKE2b (RFC 7693) of 256 bits: nobody can make
    up a second input with the same key.
    """
    digester = hashlib.blake2b(f"{model}\0{version}\0{digest}".encode(), digest_size=_KEY_BYTES)
    for name, tensor in inputs.items():
        digester.update(f"\0{name}\0{tensor.dtype.str}\0{tensor.shape}\0".encode())
        digester.update(tensor.tobytes())
    return digester.digest()
