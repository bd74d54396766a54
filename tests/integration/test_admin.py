"""The admin API writes the desired state, and the server makes it so."""

from __future__ import annotations

import fcntl
import hashlib
import socket
from pathlib import Path

import httpx
import pytest
import yaml
from plimsoll.control.desired_state import read_desired_state

from tests.integration.served_process import ServedProcess

ROW = {"features": [0.0] * 784}
ONE = 'models: [{name: digits, versions: [{version: "1"}]}]'


@pytest.fixture
def desired(tmp_path: Path) -> Path:
    file = tmp_path / "desired-state.yaml"
    file.write_text(ONE)
    return file


def admin_of(process: ServedProcess) -> str:
    return process.wait_for_log(r"admin API on (http://[0-9.]+:\d+)")[1]


def test_a_version_is_loaded_weighed_reloaded_and_unloaded(process: ServedProcess, desired: Path) -> None:
    process.start(PLIMSOLL_DESIRED_STATE=str(desired))
    url = process.ready()
    with httpx.Client(base_url=f"{admin_of(process)}/v1/models/", timeout=30) as admin:
        assert admin.post("digits/versions/2/load").status_code == 202
        process.wait_for_log("version 2 is ready")
        refused = admin.put("digits/weights", json={"1": 50, "2": 40})
        assert (refused.status_code, refused.json()["error"]["message"]) == (
            422,
            "the weights of model 'digits' sum to 90, and must to 100",
        )
        written = admin.put("digits/weights", json={"1": 0, "2": 100}).json()["desired_state"]
        assert written == {
            "models": [
                {
                    "name": "digits",
                    "versions": [
                        {"version": "1", "weight": 0, "generation": 0, "force": False},
                        {"version": "2", "weight": 100, "generation": 0, "force": False},
                    ],
                    "limits": dict.fromkeys(("queue_limit", "queue_bytes", "max_batch_rows", "max_wait_ms")),
                }
            ]
        }
        while httpx.post(url + "/v1/predict", json=ROW).json()["version"] != "2":
            pass
        assert admin.post("digits/versions/2/reload").status_code == 202
        process.wait_for_log(r"(?s)version 2 is ready.*version 2 is ready")
        assert admin.put("digits/weights", json={"1": 100, "2": 0}).status_code == 202
        assert admin.post("digits/versions/2/unload").status_code == 202
        process.wait_for_log("version 2 is draining")
        while httpx.post(url + "/v1/models/digits/versions/2/predict", json=ROW).status_code != 404:
            pass
    assert yaml.safe_load(desired.read_text()) == {
        "models": [{"name": "digits", "versions": [{"version": "1", "weight": 100}]}]
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "letters/versions/1/reload", 404, "model_not_found"),
        ("POST", "digits/versions/9/unload", 404, "version_not_found"),
        ("PUT", "digits/weights", 422, "invalid_input"),
        ("POST", "digits/versions/latest/load", 422, "invalid_input"),
        ("GET", "digits/weights", 405, "method_not_allowed"),
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(
    process: ServedProcess, desired: Path, method: str, path: str, status: int, code: str
) -> None:
    process.start(PLIMSOLL_DESIRED_STATE=str(desired))
    reply = httpx.request(
        method, f"{admin_of(process)}/v1/models/{path}", json={"1": "many"} if method == "PUT" else None
    )
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert desired.read_text() == ONE


def test_a_file_that_cannot_be_written_is_409_and_names_helm(process: ServedProcess) -> None:
    process.start(PLIMSOLL_DESIRED_STATE="/proc/version")  # read-only whoever asks, as a mounted one is
    reply = httpx.post(f"{admin_of(process)}/v1/models/digits/versions/1/load")
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "desired_state_not_writable")
    assert "helm upgrade" in reply.json()["error"]["message"]
    assert httpx.get(f"{admin_of(process)}/v1/models").status_code == 200


def test_weights_that_cannot_be_are_refused_and_the_next_start_is_ready(process: ServedProcess, desired: Path) -> None:
    desired.write_text('models: [{name: digits, versions: [{version: "1", weight: 100}, {version: "2", weight: 0}]}]')
    before = desired.read_text()
    process.start(PLIMSOLL_DESIRED_STATE=str(desired))
    process.ready()
    with httpx.Client(base_url=f"{admin_of(process)}/v1/models/digits/", timeout=30) as admin:
        for body in (
            '{"1": -1, "2": 101}',
            '{"1": 50, "1": 100, "2": 0}',
            '{"1": true, "2": 99}',
            '{"1": 99.0, "2": 1}',
        ):
            reply = admin.put("weights", content=body, headers={"content-type": "application/json"})
            assert (reply.status_code, reply.json()["error"]["code"]) == (422, "invalid_input"), body
        assert desired.read_text() == before
        assert admin.post("versions/9/load").json()["error"]["expected"] == "1, 2"
        assert admin.post("versions/2/reload").status_code == 202
    assert read_desired_state(desired).models[0].versions[1].generation == 1


def test_the_key_is_asked_for_before_the_body_is_sent(process: ServedProcess, desired: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text(f"keys: [{{label: op, sha256: {hashlib.sha256(b'right').hexdigest()}, scopes: [admin]}}]")
    process.start(PLIMSOLL_DESIRED_STATE=str(desired), PLIMSOLL_KEYS_FILE=str(keys))
    process.ready()
    url = httpx.URL(admin_of(process))
    for key, length, status in ((b"wrong", b"600000000", b"401"), (b"right", b"600000000", b"413")):
        with socket.create_connection((url.host, url.port or 0), timeout=20) as client:
            client.sendall(
                b"PUT /v1/models/digits/weights HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                b"X-API-Key: " + key + b"\r\nContent-Length: " + length + b"\r\n\r\n"
            )
            assert client.recv(4096).split(b" ")[1] == status


def test_a_state_that_cannot_be_written_or_read_has_its_own_sentence(process: ServedProcess, desired: Path) -> None:
    process.start(PLIMSOLL_DESIRED_STATE=str(desired))
    process.ready()
    lock, victim = desired.with_name(f".{desired.name}.lock"), desired.with_name("victim")
    victim.write_text("precious")

    def told() -> str:
        reply = httpx.post(f"{admin_of(process)}/v1/models/digits/versions/2/load")
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "desired_state_not_writable")
        return str(reply.json()["error"]["message"])

    lock.symlink_to(victim)
    assert "lock file of the desired state desired-state.yaml is a symbolic link" in told()
    assert victim.read_text() == "precious"
    lock.unlink()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another process has held the lock" in told()
    desired.write_bytes(ONE.encode("utf-16"))
    assert "is not UTF-8 text (UTF-16); save it as UTF-8" in told()
    desired.rename(desired.with_name("elsewhere.yaml"))
    desired.symlink_to("elsewhere.yaml")
    assert "is a symbolic link" in told()


def test_without_a_desired_state_there_is_nothing_to_administer(process: ServedProcess) -> None:
    process.start()
    process.ready()
    assert "admin API" not in process.log()
