"""A question and the queue: rows are written where the model reads them, or do not count."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import ClientError
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.batch_queue import BatchQueue, Entry
from plimsoll.tasks.number_rows import RowReader

from tests.doubles.models import EchoModel, flat_signature

SIGNATURE = flat_signature(2, minimum=0, maximum=1)
bodies = st.sampled_from(
    [
        b'{"features": [0.5, 0.25]}',
        b'{"instances": [[0, 1], [1, 0], [0.5, 0.5]]}',
        b'{"instances": [[0, 1], [1, 2]]}',
        b'{"instances": [[0, 1], [1]]}',
        b'{"features": [0.5',
        b'{"instances": []}',
        b"",
    ]
)


class Line:
    """A queue and what was asked of it."""

    def __init__(self) -> None:
        self.queue = BatchQueue(EchoModel(SIGNATURE).new_batch, BatchLimits(max_rows=8, max_wait_seconds=0.0))
        self.reserved: list[int] = []

    def reserve(self, rows: int) -> Entry:
        self.reserved.append(rows)
        return self.queue.reserve(rows, asyncio.get_running_loop().create_future())

    def decode(self, body: bytes) -> Entry:
        question = RowReader(SIGNATURE).read(body)
        entry = self.reserve(question.rows)
        question.write(entry.inputs)
        return entry


@given(requests=st.lists(bodies, min_size=1, max_size=12))
async def test_whatever_was_refused_between_them_the_good_rows_lie_side_by_side(requests: list[bytes]) -> None:
    line = Line()
    wanted: list[list[float]] = []
    for body in requests:
        try:
            entry = line.decode(body)
        except ClientError:
            continue
        line.queue.commit(entry, now=0.0, deadline=1.0)
        document = orjson.loads(body)
        wanted += document.get("instances") or [document["features"]]
    computed: list[list[float]] = []
    while (batch := line.queue.take()) is not None:
        assert batch.filled <= 8
        computed += batch.tensors()["x"].tolist()
    assert computed == wanted


@pytest.mark.parametrize("body", [b"", b"{", b'{"features": "x"}', b'{"instances": []}', b'{"feature": [0, 1]}'])
async def test_a_body_that_has_no_rows_reserves_none(body: bytes) -> None:
    line = Line()
    with pytest.raises(ClientError):
        line.decode(body)
    assert line.reserved == []


async def test_as_many_rows_are_reserved_as_the_request_has() -> None:
    line = Line()
    line.decode(b'{"features": [0, 1]}')
    line.decode(b'{"instances": [[0, 1], [1, 0], [1, 1]]}')
    assert line.reserved == [1, 3]
