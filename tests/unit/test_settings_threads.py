"""How many threads one forward pass gets."""

from __future__ import annotations

import os

import pytest

from service.settings import load_settings


@pytest.mark.parametrize(
    ("chosen", "threads"),
    [
        ({"cpus": 1}, 1),
        ({"cpus": 4}, 4),
        ({"cpus": 4, "workers": 2}, 2),
        ({"cpus": 3, "workers": 2}, 1),
        ({"cpus": 1, "workers": 4}, 1),
        ({"cpus": 8, "workers": 2, "torch_threads": 3}, 3),
    ],
)
def test_the_threads_of_a_forward_pass_follow_cpus_and_workers(chosen: dict[str, int], threads: int) -> None:
    assert load_settings(**chosen).forward_threads == threads


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux tells the cores that a process may run on")
def test_without_a_word_the_cores_that_the_process_may_run_on_count() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert load_settings().forward_threads == 1
    finally:
        os.sched_setaffinity(0, before)
    assert load_settings().forward_threads == len(before)
