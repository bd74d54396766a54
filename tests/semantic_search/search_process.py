"""The example as the process that a user starts, installed by `make test` into build/semantic-search."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import httpx

from tests.contracts.generated import REPOSITORY
from tests.semantic_search.letters_model import DIMENSIONS, MODEL

EXAMPLE = REPOSITORY / "examples" / "semantic-search"
PYTHON = REPOSITORY / "build" / "semantic-search" / "bin" / "python"
_PATIENCE_SECONDS = 60


def command(
    *arguments: str, seconds: float = _PATIENCE_SECONDS, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the example to its end."""
    return subprocess.run(
        [PYTHON, "-m", "semantic_search", *arguments],
        cwd=EXAMPLE,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


class SearchProcess:
    """Serves the example on a free port until `close`."""

    def __init__(self, database_url: str, plimsoll_url: str, **environment: str) -> None:
        assert PYTHON.exists(), "the example is not installed: run `make build/semantic-search/installed.done`"
        self._log = tempfile.NamedTemporaryFile(prefix="search-log-")  # noqa: SIM115  # lives as long as the process
        settings = {
            "SEARCH_DATABASE_URL": database_url,
            "SEARCH_PLIMSOLL_URL": plimsoll_url,
            "SEARCH_PORT": "0",
            "SEARCH_MODEL": MODEL,
            "SEARCH_DIMENSIONS": str(DIMENSIONS),
        }
        self._process = subprocess.Popen(
            [PYTHON, "-m", "semantic_search", "serve"],
            cwd=EXAMPLE,
            env={"PATH": os.environ["PATH"], **settings, **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.database_url = database_url
        try:
            self.url = self._wait_for_url()
        except AssertionError:
            self._process.kill()
            self._process.wait(30)
            self._log.close()
            raise
        self.client = httpx.Client(base_url=self.url, timeout=_PATIENCE_SECONDS)

    def add(self, *documents: dict[str, Any]) -> list[str]:
        """Add documents; their ids."""
        reply = self.client.post("/documents", json={"documents": documents})
        assert reply.status_code == 201, reply.text
        ids: list[str] = reply.json()["ids"]
        return ids

    def search(self, query: str, **further: Any) -> list[dict[str, Any]]:
        """The results of a search."""
        reply = self.client.post("/search", json={"query": query, **further})
        assert reply.status_code == 200, reply.text
        results: list[dict[str, Any]] = reply.json()["results"]
        return results

    def log(self) -> str:
        """Everything it has written so far."""
        return Path(self._log.name).read_text(encoding="utf-8")

    def __enter__(self) -> Self:
        """The process; it ends with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def close(self) -> str:
        """Ask the process to end, and wait for it; its log."""
        if not self.client.is_closed:
            self.client.close()
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(30)
                raise
            finally:
                self._text = self.log()
                self._log.close()
        return self._text

    def _wait_for_url(self) -> str:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if found := re.search(r"running on (http://\S+)", self.log()):
                return found[1]
            assert self._process.poll() is None, self.log()
            time.sleep(0.02)
        raise AssertionError(f"it does not listen:\n{self.log()}")
