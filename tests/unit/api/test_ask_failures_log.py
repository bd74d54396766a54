"""Whose log line it is when a model fails: that of the request that failed, never that of a neighbour in its batch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from plimsoll.api.request_scope import current_request

from tests.doubles.models import POISON, PoisonedModel
from tests.unit.api.conftest import Edge


@pytest.fixture
def ids(caplog: pytest.LogCaptureFixture) -> Iterator[list[tuple[str | None, str]]]:
    """Request id and message of every error that is logged, as the log's own filter would find them."""
    found: list[tuple[str | None, str]] = []

    class Listening(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            if record.levelno >= logging.ERROR:
                found.append((current_request().get("request_id"), record.getMessage()))
            return True

    listening = Listening()
    caplog.handler.addFilter(listening)
    yield found
    caplog.handler.removeFilter(listening)


@pytest.mark.parametrize("inline_rows", [0, 100])
async def test_a_failure_is_logged_once_under_the_id_of_its_own_request(
    edge: Edge, ids: list[tuple[str | None, str]], caplog: pytest.LogCaptureFixture, inline_rows: int
) -> None:
    edge.serve("echo", "1", PoisonedModel(inline_rows))
    rows = {"good-1": 1.0, "poisonous": POISON, "good-2": 2.0}
    replies = await asyncio.gather(
        *(
            edge.client.post("/v1/predict", json={"features": [row]}, headers={"x-request-id": name})
            for name, row in rows.items()
        )
    )
    assert [reply.status_code for reply in replies] == [200, 500, 200]
    assert ids == [("poisonous", "request failed: the model failed on this request")]
    assert "poison" in caplog.text, "with what the model has said"
