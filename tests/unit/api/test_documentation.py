"""The pages for people: whole, from here alone, and nobody's to change."""

from __future__ import annotations

import hashlib
import json
import logging
import re

import pytest
from plimsoll.api.documentation import PAGES_FOLDER

from tests.unit.api.conftest import Edge

PAGES = pytest.mark.parametrize("page", ["/docs", "/redoc"])
VENDORED = json.loads((PAGES_FOLDER / "vendored.json").read_bytes())


def test_what_is_of_others_is_as_they_made_it_and_has_its_licence() -> None:
    for package in VENDORED:
        folders = {path.rpartition("/")[0] for path in package["files"]}
        there = {path for folder in folders for path in (PAGES_FOLDER / folder).iterdir()}
        assert {path.relative_to(PAGES_FOLDER).as_posix() for path in there} == set(package["files"])
        for path, sha256 in package["files"].items():
            assert hashlib.sha256((PAGES_FOLDER / path).read_bytes()).hexdigest() == sha256, path
        assert any(path.endswith("/LICENSE") for path in package["files"])


@PAGES
async def test_a_page_holds_no_script_and_no_style_and_names_only_files_that_are_here(edge: Edge, page: str) -> None:
    text = (await edge.client.get(page)).text
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", text)
    named = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(named) > 3
    for each in named:  # relative, so that they are found behind any prefix
        assert re.match(r"[a-z]+[/.]", each)
        assert (await edge.client.get(f"/{each}")).status_code == 200


@PAGES
async def test_a_browser_is_told_to_load_nothing_of_another_origin_and_no_script_of_the_page(
    edge: Edge, page: str
) -> None:
    reply = await edge.client.get(page)
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert not any(source.startswith(("http", "*", "blob")) for value in policy.values() for source in value.split())
    assert {policy[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert reply.headers["x-content-type-options"] == "nosniff"


async def test_a_file_that_the_client_has_is_not_sent_again(edge: Edge) -> None:
    first = await edge.client.get("/docs/swagger-ui/swagger-ui.css")
    assert (first.status_code, first.headers["content-type"].split(";")[0]) == (200, "text/css")
    assert first.content == (PAGES_FOLDER / "docs/swagger-ui/swagger-ui.css").read_bytes()
    again = await edge.client.get("/docs/swagger-ui/swagger-ui.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    anything = await edge.client.get("/docs/swagger-ui/swagger-ui.css", headers={"if-none-match": "*"})
    assert anything.status_code == 304
    changed = await edge.client.get("/docs/swagger-ui/swagger-ui.css", headers={"if-none-match": '"another"'})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    ("path", "route"),
    [("/docs", "/docs"), ("/openapi.json", "/openapi.json"), ("/docs/page.css", "/docs/{file:path}"), ("/", "/")],
)
async def test_the_access_line_names_the_route(
    edge: Edge, caplog: pytest.LogCaptureFixture, path: str, route: str
) -> None:
    with caplog.at_level(logging.INFO, "plimsoll.access"):
        await edge.client.get(path)
    assert [record.__dict__["route"] for record in caplog.records] == [route]


@pytest.mark.parametrize(
    "path", ["/docs/ghost.js", "/docs/swagger-ui", "/docs/../vendored.json", "/docs/%2e%2e/docs.html"]
)
async def test_any_other_file_is_404_in_the_contract(edge: Edge, path: str) -> None:
    reply = await edge.client.get(path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/docs/page.css", "/"])
async def test_what_is_there_to_be_read_cannot_be_written(edge: Edge, path: str) -> None:
    reply = await edge.client.post(path)
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, HEAD")
