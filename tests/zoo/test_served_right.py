"""Models that misbehave answer what they should, beside each other, under load and while they are reloaded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zoo.enclosure import Enclosure
from tests.zoo.traffic import Traffic

REQUESTS = 1500


@pytest.fixture
def enclosure(tmp_path: Path) -> Iterator[Enclosure]:
    made = Enclosure(tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize("inline_budget_ms", ["1000", "0"], ids=["on the event loop", "on threads"])
def test_no_model_reaches_the_requests_of_others(enclosure: Enclosure, inline_budget_ms: str) -> None:
    url = enclosure.start(PLIMSOLL_INLINE_BUDGET_MS=inline_budget_ms)
    tally = asyncio.run(Traffic(enclosure, url).run(REQUESTS))
    assert tally.wrong == []
    assert tally.requests == REQUESTS
    assert tally.share_answered >= 0.99
    assert set(tally.guilty) == {500}
    assert enclosure.reloads() > 0
    assert "each of them runs again by itself" in enclosure.log(), "some guilty rows were in a batch with innocent ones"
