"""Plimsoll with a small model of embeddings, Postgres with pgvector, and the example on both databases."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.served_process import ServedProcess
from tests.semantic_search.letters_model import MODEL, make_model
from tests.semantic_search.postgres_process import PostgresProcess
from tests.semantic_search.search_process import SearchProcess


@dataclass(frozen=True)
class Plimsoll:
    """A server that wants a key, and a file with one; version 1 of the model answers, and 2 only if it is asked for."""

    url: str
    key_file: Path
    models: Path

    @property
    def key(self) -> dict[str, str]:
        """The setting of the example for the key."""
        return {"SEARCH_PLIMSOLL_KEY_FILE": str(self.key_file)}


@pytest.fixture(scope="session")
def plimsoll(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plimsoll]:
    """The server."""
    folder = tmp_path_factory.mktemp("plimsoll")
    make_model(folder / "models", "1", "2")
    versions = '[{version: "1", weight: 100}, {version: "2", weight: 0}]'
    (folder / "desired-state.yaml").write_text(f"models: [{{name: {MODEL}, versions: {versions}}}]")
    key_file = folder / "key"
    made = subprocess.run(
        [sys.executable, "-m", "plimsoll", "keys", "new", "--label", "search"],
        capture_output=True, text=True, check=True, timeout=60
    )  # fmt: skip
    key_file.write_text(next(line for line in made.stderr.splitlines() if "plim_" in line).split()[-1] + "\n")
    (folder / "keys.yaml").write_text("keys:\n" + made.stdout)
    process = ServedProcess(folder / "models")
    process.start(
        PLIMSOLL_KEYS_FILE=str(folder / "keys.yaml"),
        PLIMSOLL_DESIRED_STATE=str(folder / "desired-state.yaml"),
        PLIMSOLL_READY_WHEN="all",
    )
    yield Plimsoll(process.ready(), key_file, folder / "models")
    process.kill()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresProcess]:
    """A server of databases."""
    process = PostgresProcess()
    yield process
    process.close()


@pytest.fixture(scope="session")
def on_sqlite(plimsoll: Plimsoll, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchProcess]:
    """The example on SQLite."""
    file = tmp_path_factory.mktemp("search") / "search.db"
    process = SearchProcess(f"sqlite:///{file}", plimsoll.url, **plimsoll.key)
    yield process
    log = process.close()
    assert "Application shutdown complete" in log
    assert "Traceback" not in log


@pytest.fixture(scope="session")
def on_postgres(plimsoll: Plimsoll, postgres: PostgresProcess) -> Iterator[SearchProcess]:
    """The example on Postgres, which so few documents would not lead to use the index of embeddings."""
    url = postgres.new_database("shared")
    postgres.psql("shared", "ALTER DATABASE shared SET enable_seqscan = off")
    process = SearchProcess(url, plimsoll.url, **plimsoll.key)
    yield process
    log = process.close()
    assert "Application shutdown complete" in log
    assert "Traceback" not in log


@pytest.fixture(params=["sqlite", "postgres"])
def search(request: pytest.FixtureRequest) -> SearchProcess:
    """The example on one of the two."""
    process: SearchProcess = request.getfixturevalue(f"on_{request.param}")
    return process
