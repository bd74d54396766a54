"""A real queue for a task that is tested without a line around it."""

from __future__ import annotations

import asyncio

from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.batch_queue import BatchQueue, Entry
from plimsoll.inference.payloads import Signature
from plimsoll.inference.ports import Task
from plimsoll.tasks.tabular_classification import TabularClassification

from tests.doubles.models import EchoModel, flat_signature


def decoded(body: bytes, signature: Signature | None = None) -> Entry:
    """The rows that a classifier reads from a body; of two numbers each unless another signature is given."""
    signature = signature or flat_signature(2)
    return written(body, TabularClassification(signature), signature)


def written(body: bytes, task: Task, signature: Signature) -> Entry:
    """The rows that a task reads from a body, in a batch."""
    loop = asyncio.new_event_loop()
    try:
        queue = BatchQueue(EchoModel(signature).new_batch, BatchLimits(max_rows=128, max_wait_seconds=0.0))
        question = task.read(body)
        entry = queue.reserve(question.rows, loop.create_future(), question.shapes)
        question.write(entry.inputs)
        return entry
    finally:
        loop.close()
