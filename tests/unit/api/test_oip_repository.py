"""The model repository of Triton: the index of versions, and loading and unloading on the admin port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from plimsoll.access.keys import new_key
from plimsoll.api.admin import Admin, admin_application
from plimsoll.api.auth import Gate
from plimsoll.api.catalog import Catalog
from plimsoll.api.oip_repository import Repository, RepositoryIndex
from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.application import Application
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import read_desired_state
from plimsoll.control.desired_state_file import DesiredStateFile
from plimsoll.control.version_registry import VersionRegistry, VersionState

from tests.conftest import MakeBundle
from tests.doubles.bundles import rewrite_manifest
from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge
from tests.unit.eventually import eventually
from tests.unit.services import ROW, client_of, running

INDEX, LOAD, UNLOAD = "/v2/repository/index", "/v2/repository/models/tiny/load", "/v2/repository/models/tiny/unload"
NOTHING = "models: []"
ONE = 'models: [{name: tiny, versions: [{version: "1"}]}]'


@dataclass
class Ports:
    """A service in this process, with clients of its two ports and its desired state."""

    application: Application
    main: httpx.AsyncClient
    admin: httpx.AsyncClient
    file: Path

    @property
    def desired(self) -> dict[str, list[tuple[str, int]]]:
        """Version and generation by model, as they stand on disk."""
        models = read_desired_state(self.file).models
        return {model.name: [(each.version, each.generation) for each in model.versions] for model in models}


@asynccontextmanager
async def ports(folder: Path, text: str, **chosen: Any) -> AsyncIterator[Ports]:
    file = folder / "desired.yaml"
    file.write_text(text)
    async with running(folder, desired_state=file, **chosen) as (application, main):
        assert application.admin_app is not None
        async with client_of(application.admin_app) as admin:
            yield Ports(application, main, admin, file)


async def test_a_model_is_loaded_when_the_answer_comes_and_gone_after_it_is_unloaded(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    for version in ("9", "10"):
        make_tiny_bundle(version=version)
    async with ports(tmp_path, NOTHING) as both:
        # As tritonclient sends it: a body, and no Content-Type.
        reply = await both.admin.post(LOAD, content=b"{}")
        assert (reply.status_code, reply.json()) == (
            200, {"name": "tiny", "version": "10", "state": "READY", "reason": ""},
        )  # fmt: skip
        assert [version for version, _ in both.desired["tiny"]] == ["10"]
        answer = await both.main.post("/v1/models/tiny/predict", json=ROW)
        assert (answer.status_code, answer.json()["version"]) == (200, "10")

        pinned = await both.admin.post(LOAD, json={"parameters": {"version": "9"}})
        assert (pinned.status_code, pinned.json()["version"]) == (200, "9")
        assert (await both.main.get("/v2/models/tiny/versions/9/ready")).status_code == 200

        reply = await both.admin.post(UNLOAD, content=b'{"parameters":{"unload_dependents":false}}')
        assert (reply.status_code, reply.json()) == (
            200, {"name": "tiny", "state": "UNAVAILABLE", "reason": "unloaded"},
        )  # fmt: skip
        assert both.desired == {}
        assert (await both.main.get("/v2/models/tiny/ready")).status_code in (404, 503)
        assert (await both.main.post("/v1/models/tiny/predict", json=ROW)).status_code == 404


async def test_loading_what_is_served_reads_it_from_disk_again(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    async with ports(tmp_path, ONE) as both:
        rewrite_manifest(bundle, lambda fields: fields.update(description="new"))
        # As tritonclient's asyncio client sends it.
        reply = await both.admin.post(LOAD, content=b"{}", headers={"content-type": "application/octet-stream"})
        assert (reply.status_code, reply.json()["state"]) == (200, "READY")
        assert both.desired == {"tiny": [("1", 1)]}
        assert (await both.main.get("/v1/models/tiny/versions/1")).json()["description"] == "new"


async def test_a_load_right_after_an_unload_that_no_worker_has_noticed_reads_the_version_from_disk_again(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    bundle = make_tiny_bundle()
    async with ports(tmp_path, ONE) as both, asyncio.timeout(60):
        rewrite_manifest(bundle, lambda fields: fields.update(description="new"))
        unload = asyncio.create_task(both.admin.post(UNLOAD))
        await eventually(lambda: not both.desired)
        assert (await both.admin.post(LOAD)).status_code == 200
        assert (await unload).status_code == 200
        assert (await both.main.get("/v1/models/tiny/versions/1")).json()["description"] == "new"


async def test_a_version_that_fails_a_check_is_an_error_with_its_reason_and_the_old_one_serves(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    make_tiny_bundle()
    second = make_tiny_bundle(version="2")
    weights = second.path / second.manifest.model.file
    whole = weights.read_bytes()
    weights.write_bytes(b"broken")
    async with ports(tmp_path, ONE) as both:
        for _ in range(2):
            reply = await both.admin.post(LOAD)
            assert reply.status_code == 503
            assert reply.json()["error"].startswith(
                "version 2 of model 'tiny' could not be loaded: check 'digest' failed: "
            )
        assert (await both.main.post("/v1/predict", json=ROW)).json()["version"] == "1"
        listed = {each["version"]: each for each in (await both.main.get(INDEX)).json()}
        assert (listed["2"]["state"], listed["1"]["state"]) == ("UNAVAILABLE", "READY")
        assert "digest" in listed["2"]["reason"]
        weights.write_bytes(whole)
        assert (await both.admin.post(LOAD)).status_code == 200
        assert (await both.main.post("/v1/predict", json=ROW)).json()["version"] == "2"


async def test_the_admin_port_lists_bundles_that_could_be_loaded_too(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    for version in ("1", "2"):
        make_tiny_bundle(version=version)
    async with ports(tmp_path, ONE) as both:
        one = {"name": "tiny", "version": "1", "state": "READY", "reason": ""}
        two = {"name": "tiny", "version": "2", "state": "UNAVAILABLE", "reason": "unloaded"}
        assert (await both.admin.post(INDEX)).json() == [one, two]
        assert (await both.admin.get(INDEX)).json() == [one, two]
        assert (await both.admin.post(INDEX, content=b'{"ready":true}')).json() == [one]
        assert (await both.main.post(INDEX)).json() == [one]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (LOAD, b"{", 400, "the body is not JSON"),
        (LOAD, b"\xff", 400, "the body is not JSON"),
        (LOAD, b"[" * 60_000, 400, "the body is"),
        (LOAD, b"[]", 400, "the body is of the wrong form"),
        (LOAD, b"null", 400, "the body is of the wrong form"),
        (LOAD, b'{"parameters": 1}', 400, "the body is of the wrong form"),
        (LOAD, b'{"parameters": {"version": 2}}', 400, "the parameter version is not a text"),
        (LOAD, b'{"parameters": {"config": "{}"}}', 400, "come from its bundle"),
        (LOAD, b'{"parameters": {"file:1/model.onnx": "AAAA"}}', 400, "come from its bundle"),
        (LOAD, b'{"parameters": {"speed": 2}}', 400, "unknown parameter 'speed'"),
        (LOAD, b'{"parameters": {"version": "9"}}', 404, "there is no bundle of model 'tiny' version '9'; expected 1"),
        (LOAD, b'{"parameters": {"version": "../1"}}', 400, "version: "),
        (LOAD, b'{"parameters": {"version": ""}}', 400, "version: "),
        (LOAD, b" " * (64 << 10) + b"{}", 413, "longer than this port reads"),
        (LOAD.replace("tiny", "ghost"), b"", 404, "there is no bundle of model 'ghost'; expected tiny"),
        (LOAD.replace("tiny", "%00"), b"", 404, "there is no bundle of model"),
        (UNLOAD.replace("tiny", "ghost"), b"", 404, "no model 'ghost' is desired; expected tiny"),
        (UNLOAD, b'{"parameters": {"version": "1"}}', 400, "unknown parameter 'version'"),
        (UNLOAD, b'{"parameters": {"unload_dependents": 1}}', 400, "neither true nor false"),
        (INDEX, b'{"ready": "yes"}', 400, "the body is of the wrong form"),
    ],
)
async def test_a_request_that_makes_no_sense_is_one_sentence_and_changes_nothing(
    tmp_path: Path, make_tiny_bundle: MakeBundle, path: str, body: bytes, status: int, words: str
) -> None:
    make_tiny_bundle()
    async with lone_repository(tmp_path) as (client, _):
        reply = await client.post(path, content=body)
        assert reply.status_code == status
        assert list(reply.json()) == ["error"]
        assert words in reply.json()["error"]
    assert (tmp_path / "desired.yaml").read_text() == ONE


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_form_of_another_site_can_change_nothing(
    tmp_path: Path, make_tiny_bundle: MakeBundle, media_type: str
) -> None:
    make_tiny_bundle()
    async with ports(tmp_path, ONE) as both:
        page = {"origin": "https://evil.example", "host": "127.0.0.1"}
        assert (await both.admin.post(UNLOAD, content=b"{}", headers={"content-type": media_type})).status_code == 415
        for body in (b"", b"{}"):
            assert (await both.admin.post(UNLOAD, content=body, headers=page)).status_code == 403
        assert (await both.admin.post(UNLOAD, content=b"{}", headers={"content-encoding": "gzip"})).status_code == 415
        assert both.desired == {"tiny": [("1", 0)]}


async def test_with_keys_loading_asks_for_scope_admin(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()
    key, sha256 = new_key()
    keys = tmp_path / "keys.yaml"
    keys.write_text(f"keys: [{{label: user, sha256: {sha256}, scopes: [predict]}}]")
    async with ports(tmp_path, ONE, keys_file=keys) as both:
        for path in (LOAD, UNLOAD, INDEX):
            assert (await both.admin.post(path)).status_code == 401
            reply = await both.admin.post(path, headers={"x-api-key": key})
            assert (reply.status_code, list(reply.json())) == (403, ["error"])
        assert both.desired == {"tiny": [("1", 0)]}


async def test_a_desired_state_that_cannot_be_written_is_409(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()
    async with lone_repository(tmp_path) as (client, _):
        (tmp_path / "desired.yaml").rename(tmp_path / "elsewhere.yaml")
        (tmp_path / "desired.yaml").symlink_to(tmp_path / "elsewhere.yaml")
        for path in (LOAD, UNLOAD):
            reply = await client.post(path)
            assert (reply.status_code, list(reply.json())) == (409, ["error"])
            assert "symbolic link" in reply.json()["error"]


async def test_the_wait_ends_after_its_time_and_when_the_server_stops_with_the_change_written(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    make_tiny_bundle()
    async with lone_repository(tmp_path) as (client, state):
        late = await client.post(LOAD)
        assert late.status_code == 504
        assert late.json()["error"].startswith("version 1 of model 'tiny' is not loaded yet after 0.05 s; ")
        assert read_desired_state(tmp_path / "desired.yaml").models[0].versions[0].generation == 1
        state.phase = Phase.LEAVING
        stopped = await client.post(LOAD)
        assert stopped.status_code == 503
        assert stopped.json()["error"].startswith("this server is stopping")


async def test_states_have_tritons_names_and_a_version_that_is_loaded_again_stays_ready(edge: Edge) -> None:
    for name in ("drains", "reloads", "serves", "sticks"):
        edge.serve(name, "1", EchoModel())
    edge.desire("loads", "1")
    edge.desire("fails", "1")
    edge.registry.advance("loads", "1", VersionState.WARMING)
    edge.registry.advance("reloads", "1", VersionState.VERIFYING)
    edge.registry.fail("fails", "1", "check 'golden' failed")
    edge.registry.retire("drains", "1")
    served = edge.registry.status("sticks", "1").served
    assert served is not None
    edge.registry.stick(served, stuck=True)
    listed = (await edge.client.post(INDEX)).json()
    assert {each["name"]: (each["state"], each["reason"]) for each in listed} == {
        "drains": ("UNLOADING", ""),
        "fails": ("UNAVAILABLE", "check 'golden' failed"),
        "loads": ("LOADING", ""),
        "reloads": ("READY", ""),
        "serves": ("READY", ""),
        "sticks": ("UNAVAILABLE", ""),
    }
    ready = (await edge.client.post(INDEX, content=b'{"ready":true}')).json()
    assert [each["name"] for each in ready] == ["reloads", "serves"]


async def test_the_index_of_the_main_port_reads_no_endless_body(edge: Edge) -> None:
    reply = await edge.client.post(INDEX, content=b"x" * (65 << 10))
    assert (reply.status_code, list(reply.json())) == (413, ["error"])


@asynccontextmanager
async def lone_repository(folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, ServingState]]:
    """The routes of the admin port over a desired state that nobody applies, so that a load never ends."""
    file = folder / "desired.yaml"
    file.write_text(ONE)
    registry, state, shelf = VersionRegistry(), ServingState(), Shelf(folder / "models")
    registry.desire(read_desired_state(file))
    writer, catalog = DesiredStateFile(file, shelf), Catalog(registry)
    repository = Repository(writer, registry, catalog, state, longest_seconds=0.05)
    index = RepositoryIndex(registry, catalog, shelf)
    app = admin_application(Gate(None), Admin(writer), catalog, "1.2.3", repository, index)
    async with client_of(app) as client:
        yield client, state
