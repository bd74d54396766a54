"""The admin API writes the desired state, and the server makes it so."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml

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
    with httpx.Client(base_url=f"{admin_of(process)}/v1/models/") as admin:
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


def test_without_a_desired_state_there_is_nothing_to_administer(process: ServedProcess) -> None:
    process.start()
    process.ready()
    assert "admin API" not in process.log()
