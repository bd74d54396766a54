"""A request's way through the core: select a version, run its model where that blocks nobody."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from service.inference.payloads import Answer, Tensors
from service.inference.ports import ServedVersion, VersionSelector


class Pipeline:
    """Answers requests from the versions that `selector` offers.

    One thread runs all that is too slow for the event loop: a model uses the cores by itself, a second run beside it
    would only slow both.
    """

    def __init__(self, selector: VersionSelector) -> None:
        self._selector = selector
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")

    def select(self, name: str | None, version: str | None) -> ServedVersion:
        """The version that will answer; see `VersionSelector.select` for the errors."""
        return self._selector.select(name, version)

    async def run(self, served: ServedVersion, inputs: Tensors, rows: int) -> Answer:
        """Every output for every row of `inputs`, which came from `served.model.new_batch(rows)`."""
        model = served.model
        if rows <= model.inline_rows:
            outputs = model.run(inputs)
        else:
            outputs = await asyncio.get_running_loop().run_in_executor(self._thread, model.run, inputs)
        return Answer(served.name, served.version, outputs)

    def close(self) -> None:
        """Wait for the run in progress and end the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)
