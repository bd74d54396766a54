"""Serves a judge of canaries, until a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import NoReturn

import uvicorn

from plimsoll.rollout.judge_metrics import VerdictMetrics
from plimsoll.rollout.judge_server import judge_app
from plimsoll.rollout.judge_verdicts import RecordedJudge, SharedVerdicts
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.listeners import listen, url_of
from plimsoll.server.side_servers import PROTOCOL_OPTIONS, SignalFreeServer, side_limits
from plimsoll.server.stop_signals import StopSignals
from plimsoll.server.uvicorn_server import http_protocol, run_and_leave

_log = logging.getLogger(__name__)

_DRAIN_SECONDS = 10
_STOP_SECONDS = 20.0


def serve_judge(judge: RecordedJudge, host: str, port: int, limits: ConnectionLimits) -> NoReturn:
    """Serve verdicts on an address.

    After the first signal it answers what it has begun, for ten seconds at most.

    Raises:
        OperatorError: the address cannot be used.
    """
    signals = StopSignals(_STOP_SECONDS, (signal.SIGTERM, signal.SIGINT))
    signals.listen()
    listener = listen(host, port, "--port", "--host")
    metrics = VerdictMetrics()
    verdicts = SharedVerdicts(judge.answer, metrics.heard)
    config = uvicorn.Config(
        judge_app(verdicts, metrics),
        http=http_protocol(side_limits(limits), lambda _: None),
        lifespan="off",
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        **PROTOCOL_OPTIONS,
    )
    server = SignalFreeServer(config)

    def stop() -> None:
        server.should_exit = True

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        signals.on_first(lambda: loop.call_soon_threadsafe(stop))
        _log.info("judging canaries by %s", judge.prometheus.name)
        _log.info("listening on %s", url_of(listener))
        await server.serve([listener])
        verdicts.close()
        judge.prometheus.close()

    run_and_leave(serve(), signals, config.get_loop_factory())
