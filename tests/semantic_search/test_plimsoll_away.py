"""Plimsoll is away, busy, not set up, or late."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.integration.served_process import ServedProcess
from tests.semantic_search.conftest import Plimsoll
from tests.semantic_search.search_process import SearchProcess

DOCUMENTS = {"documents": [{"id": "a", "text": "one"}]}


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_without_plimsoll_texts_wait_and_the_rest_works(free_port: int, on_sqlite: SearchProcess) -> None:
    on_sqlite.add({"id": "kept", "text": "written once", "metadata": {"test": "away"}})
    address = f"http://127.0.0.1:{free_port}"
    with SearchProcess(on_sqlite.database_url, address, SEARCH_EMBED_SECONDS="0.5") as process:
        for path, body in (("/documents", DOCUMENTS), ("/search", {"query": "one"})):
            reply = process.client.post(path, json=body)
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, "embedder_unavailable")
            assert int(reply.headers["Retry-After"]) >= 1
        assert process.client.get("/documents/kept").status_code == 200
        page = process.client.get("/documents", params={"filter": '{"test": "away"}'})
        assert [each["id"] for each in page.json()["documents"]] == ["kept"]
        assert process.client.delete("/documents/kept").status_code == 204
        assert {process.client.get(path).status_code for path in ("/livez", "/readyz")} == {200}
        assert "Traceback" not in process.log()


def test_a_request_waits_for_plimsoll_to_come(free_port: int, plimsoll: Plimsoll, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port}"
    served = ServedProcess(plimsoll.models)
    with SearchProcess(f"sqlite:///{tmp_path}/search.db", address, SEARCH_EMBED_SECONDS="60") as process:
        try:
            with ThreadPoolExecutor(1) as pool:
                reply = pool.submit(process.client.post, "/documents", json=DOCUMENTS)
                served.start("--port", str(free_port))
                assert reply.result(60).status_code == 201
        finally:
            served.kill()


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "Plimsoll answers 401"),
        ({"SEARCH_MODEL": "unknown"}, "Plimsoll answers 404 for the model unknown"),
        ({"SEARCH_DIMENSIONS": "25"}, "SEARCH_DIMENSIONS must fit the model"),
    ],
    ids=["wrong key", "unknown model", "other dimensions"],
)
def test_wrong_settings_for_plimsoll_are_named(
    plimsoll: Plimsoll, tmp_path: Path, environment: dict[str, str], sentence: str
) -> None:
    key = tmp_path / "key"
    key.write_text(plimsoll.key_file.read_text() if environment else "plim_wrong")
    given = {"SEARCH_PLIMSOLL_KEY_FILE": str(key), **environment}
    with SearchProcess(f"sqlite:///{tmp_path}/search.db", plimsoll.url, **given) as process:
        reply = process.client.post("/search", json={"query": "one"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "embedder_unavailable")
        assert sentence in reply.json()["error"]["message"]
        assert int(reply.headers["Retry-After"]) >= 1
        key.unlink()
        reply = process.client.post("/search", json={"query": "one"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "keys_unavailable")


def test_a_plimsoll_that_hangs_holds_no_more_than_sixteen_requests(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as hanging:
        address = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        with (
            SearchProcess(f"sqlite:///{tmp_path}/search.db", address, SEARCH_EMBED_SECONDS="8") as process,
            ThreadPoolExecutor(20) as pool,
        ):
            asked = [pool.submit(process.client.post, "/search", json={"query": "one"}) for _ in range(20)]
            codes = [each.result(60).json()["error"]["code"] for each in asked]
    assert (codes.count("embedder_unavailable"), codes.count("overloaded")) == (16, 4)


class Busy(ThreadingHTTPServer):
    """Answers every request with 429 and a Retry-After, and counts them: an overload that a test can hold still."""

    def __init__(self) -> None:
        self.asked = 0
        self.retry_after = "0"
        busy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                busy.asked += 1
                self.send_response(404 if busy.asked == 4 else 429)
                self.send_header("Retry-After", busy.retry_after)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def busy() -> Iterator[Busy]:
    """The server in a thread."""
    with Busy() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(30)


def test_retry_after_decides_when_a_busy_plimsoll_is_asked_again(busy: Busy, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{busy.server_port}"
    with SearchProcess(f"sqlite:///{tmp_path}/search.db", address, SEARCH_EMBED_SECONDS="20") as process:
        reply = process.client.post("/search", json={"query": "one"})
        assert (reply.status_code, busy.asked) == (503, 4)
        busy.retry_after = "60"
        reply = process.client.post("/search", json={"query": "one"})
        assert (reply.status_code, busy.asked, reply.headers["Retry-After"]) == (503, 5, "60")
