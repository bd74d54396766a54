"""Answers kept in this process."""

from __future__ import annotations

from cachetools import LRUCache

from plimsoll.inference.payloads import Tensors

_ENTRY_BYTES = 1024
"""The bytes of an entry besides its numbers: the key, the names and the array objects."""


class MemoryCache:
    """Implements the line's `ResponseCache`: the least recently used answers go when `longest_bytes` are full."""

    def __init__(self, longest_bytes: int) -> None:
        self._answers: LRUCache[bytes, Tensors] = LRUCache(longest_bytes, getsizeof=_size)

    def get(self, key: bytes) -> Tensors | None:
        """The outputs kept under a key."""
        return self._answers.get(key)

    def put(self, key: bytes, outputs: Tensors) -> None:
        """Keep outputs; those that do not fit even alone are skipped."""
        if _size(outputs) <= self._answers.maxsize:
            self._answers[key] = outputs


def _size(outputs: Tensors) -> int:
    return _ENTRY_BYTES + sum(tensor.nbytes for tensor in outputs.values())
