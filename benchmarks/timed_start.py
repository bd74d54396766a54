"""`plimsoll serve` with a clock: writes into `stages.json`, in its working folder, when each stage of the start ended.

Run by `benchmarks.start_and_size` as `python -m benchmarks.timed_start serve …`, since the first stage is Python's own.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

STAGES_FILE = Path("stages.json")


class _Clock:
    """The end of each stage, as the time of day and the CPU seconds of the process so far."""

    def __init__(self) -> None:
        self._ends: list[tuple[str, float, float]] = []

    def end(self, stage: str) -> None:
        """The stage has just ended."""
        self._ends.append((stage, time.time(), time.process_time()))

    def ends_with(self, stage: str, owner: Any, name: str) -> None:  # noqa: ANN401  # a class or a module
        """The stage ends when a function of `owner` has returned."""
        called: Callable[..., Any] = getattr(owner, name)

        @wraps(called)
        def timed(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  # those of the function
            try:
                return called(*arguments, **named)
            finally:
                self.end(stage)

        setattr(owner, name, timed)

    def write(self) -> None:
        """Write what has been noted."""
        STAGES_FILE.write_text(json.dumps(self._ends), encoding="utf-8")


def main() -> None:
    """Serve, and write the stages once the server is ready."""
    clock = _Clock()
    clock.end("Python itself")
    from plimsoll.cli import main as run_command
    from plimsoll.cli import serve

    def prepare_libraries(*, traced: bool) -> None:
        prepare(traced=traced)
        clock.end("command line and settings")
        _time_the_rest(clock)

    prepare, serve.prepare_libraries = serve.prepare_libraries, prepare_libraries
    run_command()


def _time_the_rest(clock: _Clock) -> None:
    importlib.import_module("plimsoll.server.uvicorn_server")
    clock.end("imports of the server")
    from plimsoll import application, lifecycle
    from plimsoll.bundle.folder import Bundle
    from plimsoll.runtime import model_loader
    from plimsoll.runtime.model_loader import ModelLoader

    clock.end("imports of the application")
    clock.ends_with("routes, metrics, ports", application, "Application")
    clock.ends_with("manifest and digests of the bundle", Bundle, "verify_files")
    clock.ends_with("import of the runtime", model_loader, "imported")
    clock.ends_with("weights", ModelLoader, "load")
    clock.ends_with("golden samples and independence", ModelLoader, "prove_requests")
    clock.ends_with("warm-up", ModelLoader, "warm")
    clock.ends_with("lane and garbage collection", lifecycle, "_quieten_garbage_collection")
    quieten = lifecycle._quieten_garbage_collection  # noqa: SLF001  # the last thing before it is ready

    def last() -> None:
        quieten()
        clock.write()

    lifecycle._quieten_garbage_collection = last  # noqa: SLF001


if __name__ == "__main__":
    main()
