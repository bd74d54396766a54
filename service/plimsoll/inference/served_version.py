"""The line's view of a version that answers."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.inference.batch_lane import BatchLane
from plimsoll.inference.payloads import Signature
from plimsoll.inference.ports import Task


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """One version that is ready: the `task` parses bodies and forms results, the `lane` computes outputs."""

    name: str
    version: str
    signature: Signature
    task: Task
    lane: BatchLane
    digest: str = ""
