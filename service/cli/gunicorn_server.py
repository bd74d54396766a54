"""Several processes on a bare host, under gunicorn."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from uvicorn_worker import UvicornWorker

from service.api.request_scope import current_request_id
from service.cli.fair_listener import ConnectionCounts
from service.cli.uvicorn_server import (
    PROTOCOL_OPTIONS,
    GracefulServer,
    connection_limits,
    http_protocol,
    listen,
    serve_with_sides,
    side_limits,
)
from service.settings import Settings, prepare_libraries
from service.telemetry.logging_setup import set_up_logging

_log = logging.getLogger(__name__)

_GENERATIONS = 4
"""For how many times as many workers there is a place: those of before stay while the next ones begin."""
_SLACK_SECONDS = 5
"""What a worker gets on top of waiting and draining before gunicorn kills it."""


class _OneLog(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's logger without handlers of its own: its lines join all others."""

    def setup(self, cfg: object) -> None:
        """Leave logging as the settings have set it up; gunicorn's constructor has cut its loggers off."""
        del cfg
        self.error_log.propagate = True


class PlimsollWorker(UvicornWorker):  # type: ignore[misc]  # uvicorn-worker ships no types
    """A worker that stops through the lifecycle, as the single process does."""

    CONFIG_KWARGS = {**PROTOCOL_OPTIONS, "timeout_graceful_shutdown": 1}  # noqa: RUF012  # uvicorn-worker's own name

    async def _serve(self) -> None:
        application = self.wsgi
        self.config.app = application.asgi
        limits = connection_limits(application.settings)
        self.config.http = http_protocol(limits, application.count_refusal)
        server = GracefulServer(self.config, application.lifecycle, self.app.counts, self.place)
        admin = None
        if application.admin_app is not None:
            # Each worker takes its turn: all they do is write the one desired state, which all follow.
            settings = application.settings
            admin = listen(settings.admin_host, settings.admin_port, "ADMIN_PORT", shared=True)
        side_protocol = http_protocol(side_limits(limits), application.count_refusal)
        await serve_with_sides(server, self.sockets, [(application.admin_app, admin)], side_protocol)


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, settings: Settings, workers_folder: Path) -> None:
        self._settings = settings
        self._workers_folder = workers_folder
        self.counts = ConnectionCounts(_GENERATIONS * settings.workers)
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        options = {
            "bind": f"[{settings.host}]:{settings.port}"
            if ":" in settings.host
            else f"{settings.host}:{settings.port}",
            "workers": settings.workers,
            "worker_class": PlimsollWorker,
            "graceful_timeout": int(settings.stop_wait_seconds + settings.stop_drain_seconds) + _SLACK_SECONDS,
            "logger_class": _OneLog,
            "proc_name": "plimsoll",
            "when_ready": _say_where,
            "pre_fork": self._place_worker,
            "child_exit": self._forget_worker,
            "post_worker_init": lambda _: set_up_logging(settings.log_format, settings.log_level, current_request_id),
            "control_socket_disable": True,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def _place_worker(self, _server: object, worker: Any) -> None:  # noqa: ANN401  # gunicorn's worker
        worker.place = self.counts.take_place()

    def _forget_worker(self, _server: object, worker: Any) -> None:  # noqa: ANN401  # gunicorn's worker
        """Take a dead worker's gauges out of the sums, and its connections out of the counts."""
        from prometheus_client.multiprocess import mark_process_dead

        self.counts.give_back(worker.place)
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]

    def load(self) -> Any:  # noqa: ANN401  # gunicorn hands it to the worker, whatever it is
        # In each worker, after the fork: torch's threads and exporters' threads do not survive one.
        from service.application import Application

        return Application(self._settings, self._workers_folder)


def serve_with_workers(settings: Settings) -> None:
    """Serve with `settings.workers` processes that share one port, until a signal has been heeded."""
    set_up_logging(settings.log_format, settings.log_level, current_request_id)
    folder, master = Path(tempfile.mkdtemp(prefix="plimsoll-")), os.getpid()
    metrics, workers = folder / "metrics", folder / "workers"
    metrics.mkdir()
    workers.mkdir()
    prepare_libraries(metrics_folder=metrics)
    try:
        _Gunicorn(settings, workers).run()
    finally:
        if os.getpid() == master:  # a worker that ends comes by here as well, and the others still need the folder
            shutil.rmtree(folder, ignore_errors=True)


def _say_where(server: Any) -> None:  # noqa: ANN401  # gunicorn's arbiter
    for listener in server.LISTENERS:
        _log.info("listening on %s with %d workers", listener, server.num_workers)
