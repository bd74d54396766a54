"""Real servers on free ports of this machine, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import uvicorn
from starlette.types import ASGIApp

_PATIENCE_SECONDS = 30


@dataclass
class CannedServer:
    """Answers every request with the same reply and keeps what it was sent, as path and body."""

    body: bytes = b"{}"
    status: int = 200
    content_type: str = "application/json"
    received: list[tuple[str, bytes]] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its URL, for as long as it runs."""
        canned = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                canned.received.append((self.path, self.rfile.read(length)))
                self.send_response(canned.status)
                self.send_header("Content-Type", canned.content_type)
                self.send_header("Content-Length", str(len(canned.body)))
                self.end_headers()
                self.wfile.write(canned.body)

            do_GET = do_POST  # noqa: N815  # http.server's name

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join(60)


@contextmanager
def served(app: ASGIApp, patience_seconds: float = _PATIENCE_SECONDS) -> Iterator[str]:
    """The URL of an application that is ready within that time, under uvicorn."""
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield _ready_url(server, patience_seconds)
    finally:
        server.should_exit = True
        thread.join(60)


def _ready_url(server: uvicorn.Server, patience_seconds: float) -> str:
    deadline = time.monotonic() + patience_seconds
    while time.monotonic() < deadline:
        if server.started:
            url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            if httpx.get(f"{url}/readyz").is_success:
                return url
        time.sleep(0.01)
    raise AssertionError("the server did not become ready")
