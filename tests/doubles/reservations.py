"""A real queue for a front that is tested without a line around it."""

from __future__ import annotations

import asyncio

from plimsoll.fronts import v1_json
from plimsoll.inference.batch_policy import BatchLimits
from plimsoll.inference.batch_queue import BatchQueue, Entry
from plimsoll.inference.payloads import Signature

from tests.doubles.models import EchoModel, flat_signature


def decoded(body: bytes, signature: Signature | None = None) -> Entry:
    """The rows that `v1_json` makes of a body; of two numbers each unless another signature is given."""
    signature = signature or flat_signature(2)
    loop = asyncio.new_event_loop()
    try:
        queue = BatchQueue(EchoModel(signature).new_batch, BatchLimits(max_rows=128, max_wait_seconds=0.0))
        parsed = v1_json.parse(body, signature)
        return v1_json.write(parsed, signature, lambda rows: queue.reserve(rows, loop.create_future()))
    finally:
        loop.close()
