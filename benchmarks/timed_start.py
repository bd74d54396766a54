"""`plimsoll serve` with a clock: writes into `stages.json`, in its working folder, when each stage of the start ended.

Run by `benchmarks.start_and_size` as `python -m benchmarks.timed_start serve …`, since the first stage is Python's own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import wraps
from importlib import import_module
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
    command, serve = import_module("plimsoll.cli"), import_module("plimsoll.cli.serve")
    prepare_libraries = serve.prepare_libraries

    def prepared(*, traced: bool) -> None:
        prepare_libraries(traced=traced)
        clock.end("command line and settings")
        _time_the_rest(clock)

    serve.prepare_libraries = prepared  # type: ignore[attr-defined]
    command.main()


def _time_the_rest(clock: _Clock) -> None:
    import_module("plimsoll.server.uvicorn_server")
    clock.end("imports of the server")
    application, lifecycle = import_module("plimsoll.application"), import_module("plimsoll.lifecycle")
    clock.end("imports of the application")
    folder, loader = import_module("plimsoll.bundle.folder"), import_module("plimsoll.runtime.model_loader")
    clock.ends_with("routes, metrics, ports", application, "Application")
    clock.ends_with("manifest and digests of the bundle", folder.Bundle, "verify_files")
    clock.ends_with("import of the runtime", loader, "imported")
    clock.ends_with("weights", loader.ModelLoader, "load")
    clock.ends_with("golden samples and independence", loader.ModelLoader, "prove_requests")
    clock.ends_with("warm-up", loader.ModelLoader, "warm")
    clock.ends_with("lane and garbage collection", lifecycle, "_quieten_garbage_collection")
    last_step = lifecycle._quieten_garbage_collection  # noqa: SLF001  # nothing else stands between it and readiness

    def last() -> None:
        last_step()
        clock.write()

    lifecycle._quieten_garbage_collection = last  # type: ignore[attr-defined]  # noqa: SLF001


if __name__ == "__main__":
    main()
