"""What web pages can do to a server of this machine: nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import MakeBundle
from tests.unit.services import ROW, client_of, running

ONE = 'models: [{name: tiny, versions: [{version: "1"}]}]'
UNLOAD = "/v1/models/tiny/versions/1/unload"


@asynccontextmanager
async def administered(folder: Path, **chosen: Any) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient, Path]]:
    """Clients of the main and of the admin port, and the desired state that the latter writes."""
    file = folder / "desired.yaml"
    file.write_text(ONE)
    async with running(folder, desired_state=file, **chosen) as (application, client):
        assert application.admin_app is not None
        async with client_of(application.admin_app) as admin:
            yield client, admin, file


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"origin": "http://evil.example"}, b"", 403, "origin_not_allowed"),
        ({"origin": "null", "content-type": "text/plain"}, b"{}", 403, "origin_not_allowed"),
        ({"host": "evil.example", "origin": "http://evil.example"}, b"", 400, "host_not_allowed"),
        ({"host": "evil.example:8002"}, b"", 400, "host_not_allowed"),
        ({"content-type": "text/plain"}, b"{}", 415, "unsupported_media_type"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=b", 415, "unsupported_media_type"),
        ({}, b"{}", 415, "unsupported_media_type"),
    ],
)
async def test_no_page_of_another_site_changes_what_is_served(
    make_tiny_bundle: MakeBundle, tmp_path: Path, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    make_tiny_bundle()
    async with administered(tmp_path) as (_, admin, file):
        for method, path in (("POST", UNLOAD), ("PUT", "/v1/models/tiny/weights")):
            if method == "PUT" and not body:
                continue
            reply = await admin.request(method, path, content=body, headers=headers)
            assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
        assert file.read_text() == ONE


async def test_curl_and_the_own_page_change_what_they_like(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()
    async with administered(tmp_path) as (_, admin, file):
        assert (await admin.put("/v1/models/tiny/weights", json={"1": 100})).status_code == 202
        own = {"host": "127.0.0.1:8002", "origin": "http://127.0.0.1:8002"}
        assert (await admin.post("/v1/models/tiny/versions/1/reload", headers=own)).status_code == 202
        assert (await admin.post("/v1/models/tiny/versions/1/reload")).status_code == 202
        assert "generation: 2" in file.read_text()


async def test_an_open_server_has_an_admin_port_that_goes_by_its_own_name(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle()
    chosen = {"host": "0.0.0.0", "allow_anonymous": True}  # noqa: S104  # as in the image
    async with administered(tmp_path, **chosen) as (client, admin, _):
        elsewhere = {"host": "digits.example"}
        assert (await client.post("/v1/predict", json=ROW, headers=elsewhere)).status_code == 200
        assert (await admin.post(UNLOAD, headers=elsewhere)).json()["error"]["code"] == "host_not_allowed"


async def test_the_settings_name_hosts_and_origins(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()
    chosen = {"allowed_hosts": "digits.example", "allowed_origins": "https://app.example"}
    async with running(tmp_path, **chosen) as (_, client):
        allowed = {"host": "digits.example", "origin": "https://app.example"}
        assert (await client.post("/v1/predict", json=ROW, headers=allowed)).status_code == 200
        assert (await client.post("/v1/predict", json=ROW)).status_code == 400, "localhost is not named"
        assert (await client.get("/livez")).status_code == 200
