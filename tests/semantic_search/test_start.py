"""The service at its start and its end: persistence, settings that cannot work, keys, and a full collection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.semantic_search.conftest import Plimsoll
from tests.semantic_search.letters_model import DIMENSIONS, MODEL
from tests.semantic_search.search_process import SearchProcess, command


def test_another_process_finds_what_is_stored_and_both_see_each_change(
    search: SearchProcess, plimsoll: Plimsoll
) -> None:
    search.add({"id": "p0", "text": "process 0", "metadata": {"test": "processes"}})
    with SearchProcess(search.database_url, plimsoll.url, **plimsoll.key) as other:
        for number in range(1, 4):
            (search, other)[number % 2].add(
                {"id": f"p{number}", "text": f"process {number}", "metadata": {"test": "processes"}}
            )
            found = [
                {each["id"] for each in process.search("process", filter={"test": "processes"})}
                for process in (search, other)
            ]
            assert found == [{f"p{each}" for each in range(number + 1)}] * 2
        search.client.delete("/documents/p1")
        assert {each["id"] for each in other.search("process", filter={"test": "processes"})} == {"p0", "p2", "p3"}


def test_a_database_of_another_model_is_refused(on_sqlite: SearchProcess) -> None:
    ended = command(
        "serve", SEARCH_DATABASE_URL=on_sqlite.database_url, SEARCH_MODEL="other", SEARCH_DIMENSIONS=str(DIMENSIONS)
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert f"the database holds embeddings of the model {MODEL} with {DIMENSIONS} numbers" in ended.stderr


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"SEARCH_PORT": "many", "SEARCH_KEY_FILE": "/nowhere"}, "SEARCH_KEY_FILE: Path does not point to a file"),
        ({"SEARCH_HOST": "::"}, "set SEARCH_KEY_FILE"),
        ({"SEARCH_DATABASE_URL": "mysql://x/y"}, "must begin with sqlite or postgresql"),
        ({"SEARCH_DATABASE_URL": "postgresql+psycopg://a@/b?host=/nowhere"}, "the database cannot be set up"),
        ({"SEARCH_DATABASE_URL": "sqlite:////nowhere/x.db"}, "the database cannot be set up"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_work_end_the_start_with_a_sentence(environment: dict[str, str], sentence: str) -> None:
    ended = command("serve", seconds=60, **environment)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert sentence in ended.stderr


@pytest.fixture(scope="module")
def small(plimsoll: Plimsoll, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchProcess]:
    """The example with keys and room for two documents; its client shows a key."""
    folder = tmp_path_factory.mktemp("small")
    keys = folder / "keys"
    keys.write_text("first-key\nsecond-key\n")
    url = f"sqlite:///{folder}/search.db"
    further = {"SEARCH_KEY_FILE": str(keys), "SEARCH_MAX_DOCUMENTS": "2"}
    with SearchProcess(url, plimsoll.url, **plimsoll.key, **further) as process:
        process.client.headers["Authorization"] = "Bearer second-key"
        yield process


def test_a_full_collection_takes_replacements_alone(small: SearchProcess) -> None:
    small.add({"id": "a", "text": "one"}, {"id": "b", "text": "two"})
    reply = small.client.post("/documents", json={"documents": [{"id": "c", "text": "three"}]})
    assert (reply.status_code, reply.json()["error"]["code"]) == (507, "full")
    assert small.client.get("/collection").json()["documents"] == 2
    small.add({"id": "b", "text": "another two"})
    small.client.delete("/documents/a")
    small.add({"id": "c", "text": "three"})
    assert small.client.get("/collection").json()["documents"] == 2
    small.client.delete("/documents/c")


def test_a_locked_database_is_not_available(small: SearchProcess) -> None:
    small.add({"id": "a", "text": "one"})
    other = sqlite3.connect(small.database_url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        reply = small.client.delete("/documents/a")
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "database_unavailable")
        assert int(reply.headers["Retry-After"]) >= 1
        other.execute("ROLLBACK")
        assert small.client.delete("/documents/a").status_code == 204
    finally:
        other.close()


def test_a_server_with_a_key_file_wants_a_key_of_it(small: SearchProcess) -> None:
    for given in ("", "Bearer wrong", "Basic first-key"):
        reply = small.client.get("/documents", headers={"Authorization": given})
        assert (reply.status_code, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
    opened = ("/livez", "/readyz", "/", "/docs", "/openapi.json")
    assert {httpx.get(small.url + path).status_code for path in opened} == {200}
    assert small.client.get("/documents").status_code == 200
    keys = Path(small.database_url.removeprefix("sqlite:///")).with_name("keys")
    written = keys.read_text()
    keys.write_text("third-key\n")
    assert small.client.get("/documents").status_code == 401
    keys.unlink()
    assert small.client.get("/documents").status_code == 503
    keys.write_text(written)
    assert small.client.get("/documents").status_code == 200
    assert "first-key" not in small.log()


def test_another_version_of_the_model_is_not_mixed_in(on_sqlite: SearchProcess, plimsoll: Plimsoll) -> None:
    on_sqlite.add({"id": "a", "text": "one"})
    with SearchProcess(on_sqlite.database_url, plimsoll.url, SEARCH_MODEL_VERSION="2", **plimsoll.key) as other:
        for path, body in (("/documents", {"documents": [{"text": "two"}]}), ("/search", {"query": "one"})):
            reply = other.client.post(path, json=body)
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, "other_model_version")
            assert "SEARCH_MODEL_VERSION" in reply.json()["error"]["message"]


def test_the_openapi_document_has_every_route_with_its_limits(on_sqlite: SearchProcess) -> None:
    document = httpx.get(f"{on_sqlite.url}/openapi.json").json()
    assert set(document["paths"]) == {"/documents", "/documents/{id}", "/search", "/collection"}
    schemas = document["components"]["schemas"]
    assert schemas["Query"]["properties"]["k"]["maximum"] == 100
    assert schemas["NewDocuments"]["properties"]["documents"]["maxItems"] == 100
    assert "HTTPBearer" in document["components"]["securitySchemes"]
