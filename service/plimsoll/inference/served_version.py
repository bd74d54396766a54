"""The line's view of a version that answers."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.inference.batch_lane import BatchLane
from plimsoll.inference.payloads import Signature
from plimsoll.inference.ports import Task
from plimsoll.inference.task_threads import TaskThreads


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """One version that is ready: the `task` parses bodies and forms results, the `lane` computes outputs.

    `threads` is set if the code of the task is not ours, and then runs that code.
    """

    name: str
    version: str
    signature: Signature
    task: Task
    lane: BatchLane
    digest: str = ""
    threads: TaskThreads | None = None

    def close(self) -> None:
        """Shut down its threads, which finish the work in progress; does not wait for it."""
        self.lane.close()
        if self.threads is not None:
            self.threads.close()
