"""Answers are kept up to a number of bytes; those that were asked for longest ago go first."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.inference.payloads import Tensors
from plimsoll.stores.memory_cache import MemoryCache

KIBIBYTE = 1024
"""The size that is counted for each answer in addition to its numbers."""


def answer(nbytes: int, value: int = 0) -> Tensors:
    return {"output": np.full(nbytes, value, np.uint8)}


def test_an_answer_is_found_by_its_key_as_the_very_same_arrays() -> None:
    cache, kept = MemoryCache(1 << 20), answer(10)
    cache.put(b"a", kept)
    assert cache.get(b"a") is kept
    assert cache.get(b"b") is None


def test_a_newer_answer_takes_the_place_of_an_older_one_under_its_key() -> None:
    cache, newer = MemoryCache(4 * KIBIBYTE), answer(1000, value=2)
    cache.put(b"a", answer(2000, value=1))
    cache.put(b"a", newer)
    assert cache.get(b"a") is newer


def test_the_one_that_was_asked_for_longest_ago_goes() -> None:
    cache = MemoryCache(3 * (KIBIBYTE + 100))
    for key in (b"a", b"b", b"c"):
        cache.put(key, answer(100))
    assert cache.get(b"a") is not None
    cache.put(b"d", answer(100))
    assert [key for key in (b"a", b"b", b"c", b"d") if cache.get(key) is not None] == [b"a", b"c", b"d"]


def test_a_large_answer_takes_the_place_of_several() -> None:
    cache = MemoryCache(4 * KIBIBYTE)
    for key in (b"a", b"b", b"c"):
        cache.put(key, answer(10))
    cache.put(b"large", answer(3 * KIBIBYTE))
    assert [cache.get(key) is not None for key in (b"a", b"b", b"c", b"large")] == [False, False, False, True]


def test_an_answer_that_does_not_fit_alone_is_passed_over_and_takes_nothing_away() -> None:
    cache = MemoryCache(2 * KIBIBYTE)
    cache.put(b"small", answer(100))
    cache.put(b"large", answer(KIBIBYTE + 1))
    assert cache.get(b"large") is None
    assert cache.get(b"small") is not None


def test_a_cache_of_no_bytes_keeps_nothing() -> None:
    cache = MemoryCache(0)
    cache.put(b"a", answer(0))
    assert cache.get(b"a") is None


@given(st.integers(0, 8 * KIBIBYTE), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3 * KIBIBYTE)), max_size=30))
def test_there_are_never_more_bytes_than_allowed(longest_bytes: int, puts: list[tuple[int, int]]) -> None:
    cache = MemoryCache(longest_bytes)
    for key, nbytes in puts:
        cache.put(bytes([key]), answer(nbytes))
        kept = [found for each in range(10) if (found := cache.get(bytes([each]))) is not None]
        assert sum(KIBIBYTE + each["output"].nbytes for each in kept) <= longest_bytes
