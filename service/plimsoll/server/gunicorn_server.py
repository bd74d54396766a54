"""Several processes on a bare host, under gunicorn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from uvicorn_worker import UvicornWorker

from plimsoll.api.request_scope import current_request
from plimsoll.api.session_route import takes_websockets
from plimsoll.errors import OperatorError, PlimsollError
from plimsoll.server.fair_listener import ConnectionCounts
from plimsoll.server.listeners import listen, url_of
from plimsoll.server.side_servers import PROTOCOL_OPTIONS, Side, serve_with_sides, side_limits
from plimsoll.server.stop_signals import StopSignals, leave
from plimsoll.server.uvicorn_server import (
    GracefulServer,
    begin_process,
    connection_limits,
    http_protocol,
    new_application,
    run_and_leave,
    stop_limit_seconds,
)
from plimsoll.server.worker_master import REFUSED, MasterWatch, WorkerMaster
from plimsoll.settings import Settings, count_together
from plimsoll.telemetry.log_writer import LogWriter
from plimsoll.telemetry.logging_setup import set_up_logging
from plimsoll.telemetry.shared_metrics import count_as, forget

_log = logging.getLogger(__name__)

_GENERATIONS = 4
"""Places for each configured worker, because old workers still drain while their replacements start."""
_SLACK_SECONDS = 1
"""The time that a worker gets to end before gunicorn kills it."""
_LEAST_SILENT_SECONDS = 30
_NOTIFY_SECONDS = 5.0
"""The interval at which a worker reports that its event loop runs; gunicorn kills it after twice the stuck seconds."""


class _OneLog(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's logger without its own handlers, so that its lines go to the common log."""

    def setup(self, cfg: object) -> None:
        """Keep the configured logging; this undoes gunicorn's constructor, which disables propagation."""
        del cfg
        self.error_log.propagate = True


class PlimsollWorker(UvicornWorker):  # type: ignore[misc]  # uvicorn-worker ships no types
    """A worker that stops through the lifecycle, like the single process.

    `place` is its place among the running workers, and `started` the monotonic time of its fork.
    """

    # uvicorn's own notifications begin after the models are loaded; `_notify_always` also covers the time before.
    CONFIG_KWARGS = {**PROTOCOL_OPTIONS, "timeout_graceful_shutdown": 1, "callback_notify": None}  # noqa: RUF012
    place: int | None
    started: float

    def init_process(self) -> None:
        """Serve until a signal asks to stop; if that fails, log one sentence and end this worker only."""
        settings: Settings = self.app.settings
        self.app.log = set_up_logging(settings.log_format, settings.log_level, current_request)
        try:
            count_as(self.app.metrics_folder, self.place)
            super().init_process()
        except PlimsollError as error:
            _log.error("this worker cannot start: %s", error.message)
            leave(REFUSED)
        except (Exception, SystemExit):  # noqa: BLE001  # the log has the traceback
            _log.exception("this worker cannot start or go on; another one takes its place")
            leave(1)

    def init_signals(self) -> None:
        """Make signals, and the end of the master, stop the worker."""
        super().init_signals()
        limit_seconds = stop_limit_seconds(self.app.settings)
        self._signals = StopSignals(limit_seconds, (signal.SIGTERM, signal.SIGINT), at_once=(signal.SIGQUIT,))
        self._signals.listen()
        self.app.master.watch()

    def run(self) -> NoReturn:
        """Serve, then end the process."""
        run_and_leave(self._serve(), self._signals, self.config.get_loop_factory())

    async def _serve(self) -> None:
        notifying = asyncio.create_task(self._notify_always())
        application = self.wsgi
        self.config.app = application.asgi
        limits = connection_limits(application.settings)
        self.config.http = http_protocol(limits, application.count_refusal, takes_websockets)
        server = GracefulServer(self.config, application.lifecycle, self._signals, self.app.counts, self.place)
        sides = []
        if application.admin_app is not None:
            # Any worker may answer an admin request, because it only writes the desired state, which all follow.
            settings = application.settings
            admin = listen(settings.admin_host, settings.admin_port, "ADMIN_PORT", "ADMIN_HOST", shared=True)
            sides.append(Side(application.admin_app, admin))
        side_protocol = partial(http_protocol, side_limits(limits), application.count_refusal)
        await serve_with_sides(server.serve(self.sockets), sides, side_protocol)
        notifying.cancel()

    async def _notify_always(self) -> None:
        while True:
            self.notify()
            await asyncio.sleep(_NOTIFY_SECONDS)


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, settings: Settings, listener: socket.socket, folder: Path) -> None:
        self.settings = settings
        self._url = url_of(listener)
        self._descriptor = listener.detach()  # gunicorn creates its own socket from it
        self.metrics_folder = folder / "metrics"
        self._workers_folder = folder / "workers"
        self.counts = ConnectionCounts(_GENERATIONS * settings.workers)
        self.master = MasterWatch()
        self.log: LogWriter | None = None  # each worker has its own
        super().__init__()

    def load_config(self) -> None:
        settings = self.settings
        options = {
            "bind": f"fd://{self._descriptor}",
            "workers": settings.workers,
            "worker_class": PlimsollWorker,
            "timeout": max(_LEAST_SILENT_SECONDS, math.ceil(2 * settings.stuck_seconds)),
            "graceful_timeout": math.ceil(stop_limit_seconds(settings)) + _SLACK_SECONDS,
            "logger_class": _OneLog,
            "proc_name": "plimsoll",
            "when_ready": lambda _: _log.info("listening on %s with %d workers", self._url, settings.workers),
            "pre_fork": self._place_worker,
            "child_exit": self._forget_worker,
            "control_socket_disable": True,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def run(self) -> None:
        """Keep workers running until a signal stops the server."""
        WorkerMaster(self, self.counts.anyone_listens).run()

    def load(self) -> Any:  # noqa: ANN401  # gunicorn only passes it to the worker
        # In each worker after the fork, because the threads of torch and of exporters do not survive a fork.
        return new_application(self.settings, self.log, self._workers_folder)

    def _place_worker(self, _master: WorkerMaster, worker: PlimsollWorker) -> None:
        worker.place = self.counts.take_place()
        worker.started = time.monotonic()

    def _forget_worker(self, master: WorkerMaster, worker: PlimsollWorker) -> None:
        """Remove a worker that has ended from the metrics, the connection counts and the folder."""
        self.counts.give_back(worker.place)
        forget(self.metrics_folder, worker.place, worker.pid)
        (self._workers_folder / f"{worker.pid}.json").unlink(missing_ok=True)
        master.worker_ended(time.monotonic() - worker.started)


def serve_with_workers(settings: Settings) -> None:
    """Serve with `settings.workers` processes that share one port, until a signal stops the server.

    Raises:
        OperatorError: the port is taken or not allowed, or there is no space for temporary files.
    """
    with listen(settings.host, settings.port) as listener, _temporary_folder() as folder:
        count_together(folder / "metrics")
        begin_process(settings)
        _Gunicorn(settings, listener, folder).run()


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    master = os.getpid()
    try:
        folder = Path(tempfile.mkdtemp(prefix="plimsoll-"))
        for name in ("metrics", "workers"):
            (folder / name).mkdir()
    except OSError as error:
        raise OperatorError(
            f"several workers need a folder for temporary files, and there is none: {error.strerror}; "
            "name one that can be written by TMPDIR"
        ) from None
    try:
        yield folder
    finally:
        if os.getpid() == master:  # a worker that ends also runs this, while the others still need the folder
            shutil.rmtree(folder, ignore_errors=True)
