"""A version that answers, as the line sees it."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.inference.batch_lane import BatchLane
from plimsoll.inference.payloads import Signature
from plimsoll.inference.ports import Task


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """One version that is ready to answer: the `task` reads and answers, the `lane` computes."""

    name: str
    version: str
    signature: Signature
    task: Task
    lane: BatchLane
    digest: str = ""
