from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.access.keys import KeyEntry, KeyRing, new_key
from plimsoll.api.access_log import AccessLog
from plimsoll.api.admin import Admin, admin_application
from plimsoll.api.auth import Gate
from plimsoll.api.catalog import Catalog
from plimsoll.api.error_responses import error_response
from plimsoll.api.oip_repository import Repository, RepositoryIndex
from plimsoll.api.request_scope import RequestScope
from plimsoll.api.serving_state import ServingState
from plimsoll.api.site_policy import SitePolicy
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import read_desired_state
from plimsoll.control.desired_state_file import DesiredStateFile
from plimsoll.control.version_registry import VersionRegistry

from tests.conftest import MakeBundle

TWO = 'models: [{name: tiny, versions: [{version: "1", weight: 100}, {version: "2", weight: 0}]}]'
JSON = {"content-type": "application/json"}


@dataclass
class AdminPort:
    """The admin application over a desired state of two versions of the tiny model."""

    app: FastAPI
    client: httpx.AsyncClient
    gate: Gate
    file: Path


@pytest.fixture
async def admin(make_tiny_bundle: MakeBundle, tmp_path: Path) -> AsyncIterator[AdminPort]:
    for version in ("1", "2"):
        make_tiny_bundle(version=version)
    file, gate = tmp_path / "desired.yaml", Gate(None)
    file.write_text(TWO)
    state, shelf, registry = ServingState(), Shelf(tmp_path / "models"), VersionRegistry()
    writer, catalog = DesiredStateFile(file, shelf), Catalog(registry)
    repository = Repository(writer, registry, catalog, state, longest_seconds=0.05)
    index = RepositoryIndex(registry, catalog, shelf)
    app = admin_application(gate, Admin(writer), catalog, "1.2.3", repository, index)
    app.add_middleware(
        RequestScope,
        state=state,
        respond=error_response,
        access_log=AccessLog(successes_per_second=100),
        sites=SitePolicy(),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin") as client:
        yield AdminPort(app, client, gate, file)


async def test_weights_are_split_as_the_body_says(admin: AdminPort) -> None:
    reply = await admin.client.put("/v1/models/tiny/weights", json={"1": 25, "2": 75})
    assert reply.status_code == 202
    assert [each.weight for each in read_desired_state(admin.file).models[0].versions] == [25, 75]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ('{"1": -1, "2": 101}', 422, "invalid_input"),
        ('{"1": 50, "1": 100, "2": 0}', 422, "invalid_input"),
        ('{"1": 50.0, "2": 50}', 422, "invalid_input"),
        ('{"1": true, "2": 99}', 422, "invalid_input"),
        ('{"1": 50, "2": 49}', 422, "invalid_input"),
        ('{"1": 100}', 422, "invalid_input"),
        ("{}", 422, "invalid_input"),
        ('{"1": 1' + "0" * 5000 + "}", 422, "invalid_input"),
        ('{"1": 100, "9": 0}', 404, "version_not_found"),
        ("", 400, "empty_body"),
        ("{", 400, "not_json"),
        ("[" * 60_000, 400, "not_json"),
        (" " * (64 << 10) + " ", 413, "body_too_large"),
    ],
)
async def test_weights_that_cannot_be_used_are_refused_and_later_calls_work(
    admin: AdminPort, body: str, status: int, code: str
) -> None:
    reply = await admin.client.put("/v1/models/tiny/weights", content=body, headers=JSON)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert admin.file.read_text() == TWO
    assert (await admin.client.post("/v1/models/tiny/versions/2/reload")).status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models/tiny/weights", 405),
        ("POST", "/v1/models/tiny/weights", 405),
        ("GET", "/v1/models/tiny/versions/1/load", 405),
        ("DELETE", "/v1/models/tiny", 405),
        ("GET", "/nowhere", 404),
        ("POST", "/v1/models/tiny/versions/1/load/", 404),
        ("GET", "/v1/models/", 404),
        ("POST", "/v1/models/tiny/versions/9/load", 404),
        ("POST", "/v1/models/%2e%2e/versions/1/load", 422),
        ("POST", "/v1/models/tiny/versions/1%0a/load", 422),
        ("POST", "/v1/models/%00/versions/1/load", 422),
        ("POST", "/v1/models/t%c3%adny/versions/1/load", 422),
        ("POST", "/v1/models/tiny/versions/1/load?force=perhaps", 422),
    ],
)
async def test_what_the_port_does_not_know_is_an_error_in_the_contract(
    admin: AdminPort, method: str, path: str, status: int
) -> None:
    reply = await admin.client.request(method, path)
    assert reply.status_code == status
    assert set(reply.json()["error"]) >= {"code", "message", "request_id"}
    assert admin.file.read_text() == TWO


SEGMENTS = st.sampled_from(
    ["tiny", "1", "2", "9", "..", "", "%00", "%ff", "a" * 300, "weights", "versions", "load", "v1", "models"]
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["1", "2", "9", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    method=st.sampled_from(["GET", "PUT", "POST", "HEAD", "OPTIONS", "DELETE", "BREW"]),
    path=st.lists(SEGMENTS, max_size=6).map("/".join)
    | st.sampled_from(["v1/models/tiny/weights", "v1/models/tiny/versions/2/load", "v1/models/tiny/versions/1/unload"]),
    query=st.sampled_from(["", "?force=1", "?force=", "?force=x&force=1", "?limit=-1", "?limit=99999999999999999999"]),
    body=JSON_VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20),
)
async def test_whatever_is_sent_the_answer_is_in_the_contract_and_the_state_stays_readable(
    admin: AdminPort, method: str, path: str, query: str, body: bytes
) -> None:
    reply = await admin.client.request(method, f"/{path}{query}", content=body, headers=JSON)
    assert reply.status_code < 500
    if reply.status_code >= 400 and method != "HEAD":
        assert set(reply.json()["error"]) >= {"code", "message", "request_id"}
    read_desired_state(admin.file)


async def test_a_state_that_is_broken_on_disk_is_409_and_never_500(admin: AdminPort) -> None:
    admin.file.write_text('models: [{name: tiny, versions: [{version: "1", weight: -1}, {version: "2", weight: 101}]}]')
    for reply in (
        await admin.client.put("/v1/models/tiny/weights", json={"1": 100, "2": 0}),
        await admin.client.post("/v1/models/tiny/versions/1/load"),
        await admin.client.post("/v1/models/tiny/versions/1/unload"),
    ):
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "desired_state_not_writable")
        assert "models.0.versions.0.weight" in reply.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/tiny/weights", "/nowhere", "/docs", "/openapi.json"])
async def test_with_keys_every_path_asks_for_scope_admin_first(admin: AdminPort, path: str) -> None:
    key, sha256 = new_key()
    other, other_sha256 = new_key()
    admin.gate.use(
        KeyRing(
            (
                KeyEntry(label="op", sha256=sha256, scopes=frozenset({"admin"})),
                KeyEntry(label="user", sha256=other_sha256, scopes=frozenset({"predict"})),
            )
        )
    )
    assert (await admin.client.get(path)).status_code == 401
    assert (await admin.client.get(path, headers={"x-api-key": other})).status_code == 403
    assert (await admin.client.get(path, headers={"x-api-key": key})).status_code in (200, 404, 405)


async def test_a_change_tells_its_key_and_its_peer_in_the_access_line(
    admin: AdminPort, caplog: pytest.LogCaptureFixture
) -> None:
    key, sha256 = new_key()
    admin.gate.use(KeyRing((KeyEntry(label="night-shift", sha256=sha256, scopes=frozenset({"admin"})),)))
    with caplog.at_level("INFO", "plimsoll"):
        await admin.client.post("/v1/models/tiny/versions/2/unload", headers={"x-api-key": key})
        await admin.client.put("/v1/models/tiny/weights", json={"1": 100}, headers={"x-api-key": key})
    lines = [record.__dict__ for record in caplog.records if record.name == "plimsoll.access"]
    assert [(each["key"], each["peer"], each["status"]) for each in lines] == [
        ("night-shift", "127.0.0.1", 202),
        ("night-shift", "127.0.0.1", 202),
    ]


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_its_pages_load_nothing_from_another_origin_either(admin: AdminPort, page: str) -> None:
    reply = await admin.client.get(page)
    assert reply.status_code == 200
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "://" not in reply.text


async def test_the_description_says_what_weights_are(admin: AdminPort) -> None:
    described = (await admin.client.get("/openapi.json")).json()
    body = described["paths"]["/v1/models/{name}/weights"]["put"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["additionalProperties"]["maximum"] == 100
