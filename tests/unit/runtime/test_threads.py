from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial

import torch
from plimsoll.runtime.threads import limit_threads


def in_new_thread(limit: Callable[[], None]) -> int:
    """How many threads a forward pass has in a new thread that has first called this."""
    found: list[int] = []

    def run() -> None:
        limit()
        torch.zeros(1).relu_()
        found.append(torch.get_num_threads())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return found[0]


def test_each_thread_has_a_limit_of_its_own() -> None:
    before = torch.get_num_threads()
    try:
        assert in_new_thread(partial(limit_threads, 3)) == 3
        limit_threads(1)
        assert in_new_thread(partial(limit_threads, 3)) == 3
        torch.zeros(1).relu_()
        assert torch.get_num_threads() == 1
    finally:
        limit_threads(before)


def test_a_process_without_torch_stays_without_it() -> None:
    code = "import sys; from plimsoll.runtime.threads import limit_threads as f; f(2); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "False\n"
