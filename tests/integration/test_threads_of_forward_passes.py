"""On how many threads of the CPU a model runs, in a real process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import MakeBundle
from tests.doubles.strange_factories import with_factory
from tests.integration.served_process import ServedProcess

REPOSITORY = Path(__file__).parents[2]
ROW = {"features": [0.1, 0.2, 0.3, 0.4]}


@pytest.fixture
def server(make_tiny_bundle: MakeBundle) -> Iterator[ServedProcess]:
    """A server of a model that tells where it runs, not started yet."""
    bundle = with_factory(make_tiny_bundle(name="tells"), "TellsThreads", sizes=[4, 8, 3])
    served = ServedProcess(bundle.path.parents[1])
    yield served
    served.kill()


@pytest.mark.parametrize(
    ("budget_ms", "place", "threads"), [("1000", "event loop", "1"), ("0", "thread of its own", "3")]
)
def test_a_run_on_the_event_loop_has_one_thread_and_a_run_elsewhere_all(
    server: ServedProcess, budget_ms: str, place: str, threads: str
) -> None:
    server.start(
        PLIMSOLL_FACTORIES="tests.doubles.strange_factories:TellsThreads",
        PLIMSOLL_TORCH_THREADS="3",
        PLIMSOLL_INLINE_BUDGET_MS=budget_ms,
        PYTHONPATH=str(REPOSITORY),
    )
    url = server.ready()
    before = len(server.log())
    for _ in range(3):
        assert httpx.post(f"{url}/v1/models/tells/predict", json=ROW).status_code == 200
    told = server.wait_for(lambda: re.findall(r"1 rows on the (.+), threads: (\d)", server.log()[before:]), "a run")
    assert set(told) == {(place, threads)}
