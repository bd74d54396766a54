"""Random requests of tensors; FUZZ_SECONDS says for how long, 20 without it."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import httpx
import pytest

from tests.hostile.served import Served
from tests.hostile.tensor_bodies import changed_body

SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))
MOST_GROWTH_BYTES = 48 << 20
PATH = "/v2/models/digits/infer"


@pytest.mark.timeout(SECONDS + 100)
def test_changed_requests_of_tensors_get_an_answer_or_one_sentence_and_keep_no_memory(served: Served) -> None:
    seed = random.SystemRandom().getrandbits(32)
    statuses: Counter[int] = Counter()
    with httpx.Client(base_url=served.url, timeout=30) as client:
        _send(client, 0, 400, statuses)  # so that what is made once has been made
        before = served.process().memory_info().rss
        end = time.monotonic() + SECONDS
        rounds = 0
        while time.monotonic() < end:
            _send(client, seed + rounds, 100, statuses)
            rounds += 1
        assert client.get("/livez").status_code == 200
    assert set(statuses) <= {200, 400, 413, 415, 504}, f"seed {seed}: {statuses}"
    assert all(statuses[each] for each in (200, 400, 415)), statuses
    grown = served.process().memory_info().rss - before
    assert grown < MOST_GROWTH_BYTES, f"{grown} bytes more after {statuses.total()} requests"


def _send(client: httpx.Client, seed: int, count: int, statuses: Counter[int]) -> None:
    choice = random.Random(seed)  # noqa: S311  # so that a request can be had again by its number
    for number in range(count):
        body = changed_body(choice)
        headers = [(name.encode(), value.encode()) for name, value in body.headers.items()]
        reply = client.post(PATH, content=body.content, headers=headers)
        statuses[reply.status_code] += 1
        where = f"seed {seed}, request {number}: {reply.status_code} {reply.text[:200]}"
        assert reply.status_code < 500 or (reply.status_code == 504 and b"timeout" in body.content), where
        if reply.status_code != 200:
            assert list(reply.json()) == ["error"], where
            assert isinstance(reply.json()["error"], str), where
