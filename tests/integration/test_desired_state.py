"""A running server follows its desired state, and nobody who asks notices."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.integration.served_process import ServedProcess

ROW = {"features": [0.0] * 784}


def desire(file: Path, *versions: str, **weights: int) -> None:
    """Write a desired state of digits; `v1=90` gives version 1 the weight 90."""
    listed = [f'{{version: "{version}"}}' for version in versions]
    listed += [f'{{version: "{name[1:]}", weight: {weight}}}' for name, weight in weights.items()]
    file.write_text(f"models: [{{name: digits, versions: [{', '.join(listed)}]}}]")


@pytest.fixture
def desired(tmp_path: Path) -> Path:
    return tmp_path / "desired-state.yaml"


@contextmanager
def steady_load(url: str) -> Iterator[collections.Counter[tuple[int, str]]]:
    """One client that asks all the time; counts answers by status and version."""
    seen: collections.Counter[tuple[int, str]] = collections.Counter()
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=30) as client:
            while not stop.is_set():
                reply = client.post(url + "/v1/predict", json=ROW)
                seen[reply.status_code, reply.headers.get("x-plimsoll-version", "")] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(60)


def versions(url: str) -> dict[str, str]:
    return {each["version"]: each["state"] for each in httpx.get(url + "/v1/models/digits").json()["versions"]}


def test_a_new_version_takes_over_without_a_failed_request(process: ServedProcess, desired: Path) -> None:
    desire(desired, "1")
    process.start(PLIMSOLL_DESIRED_STATE=str(desired))
    url = process.ready()
    with steady_load(url) as seen:
        desire(desired, "2")
        while not seen[200, "2"]:
            pass
        desire(desired, "1")
        process.wait_for_log(r"(?s)version 1 is ready.*version 1 is ready")
        while versions(url) != {"1": "ready"}:
            pass
    assert {status for status, _ in seen} == {200}
    gone = httpx.post(url + "/v1/models/digits/versions/2/predict", json=ROW)
    assert (gone.status_code, gone.json()["error"]["expected"]) == (404, "one of: 1")


def test_a_version_that_is_not_there_leaves_the_old_one_serving(process: ServedProcess, desired: Path) -> None:
    desire(desired, "1")
    process.start(PLIMSOLL_DESIRED_STATE=str(desired))
    url = process.ready()
    desire(desired, "7")
    process.wait_for_log("version 7 is not served")
    assert httpx.post(url + "/v1/predict", json=ROW).json()["version"] == "1"
    assert httpx.get(url + "/readyz").status_code == 200
    assert versions(url) == {"1": "ready", "7": "failed"}
    metrics = httpx.get(url + "/metrics").text
    assert 'plimsoll_model_load_failures_total{check="files",model="digits",version="7"} 1.0' in metrics


def test_a_state_that_cannot_be_read_changes_nothing_and_is_shown(process: ServedProcess, desired: Path) -> None:
    desire(desired, "1")
    process.start(PLIMSOLL_DESIRED_STATE=str(desired))
    url = process.ready()
    desired.write_text("models: [")
    process.wait_for_log("the desired state is left as it was")
    assert "is not YAML" in httpx.get(url + "/v1/models").json()["desired_state_error"]
    assert httpx.post(url + "/v1/predict", json=ROW).json()["version"] == "1"
    desire(desired, "2")
    process.wait_for_log("version 2 is ready")
    assert httpx.get(url + "/v1/models").json()["desired_state_error"] is None


def test_requests_are_split_by_weight_and_users_stay_where_they_are(process: ServedProcess, desired: Path) -> None:
    desire(desired, v1=50, v2=50)
    process.start(PLIMSOLL_DESIRED_STATE=str(desired))
    url = process.ready()
    with httpx.Client(base_url=url, timeout=30) as client:

        def version_of(**headers: str) -> str:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.post("/v1/predict", json=ROW, headers=named).headers["x-plimsoll-version"]

        users = {f"user-{number}": version_of(x_plimsoll_user=f"user-{number}") for number in range(40)}
        assert set(users.values()) == {"1", "2"}
        assert users == {user: version_of(x_plimsoll_user=user) for user in users}
        assert {version_of(x_plimsoll_version="1") for _ in range(5)} == {"1"}
        desire(desired, v1=0, v2=100)
        while version_of(x_plimsoll_user=next(user for user in users if users[user] == "1")) != "2":
            pass
        moved = {user: version_of(x_plimsoll_user=user) for user in users}
        assert set(moved.values()) == {"2"}
        assert version_of(x_plimsoll_version="1") == "1", "a pin reaches a version of weight 0"
        weights = {each["version"]: each["weight"] for each in client.get("/v1/models/digits").json()["versions"]}
        assert weights == {"1": 0, "2": 100}


def test_a_pod_of_the_chart_splits_nothing_by_itself(process: ServedProcess, desired: Path) -> None:
    desire(desired, v1=50, v2=50)
    process.start(PLIMSOLL_DESIRED_STATE=str(desired), PLIMSOLL_TRACK="stable")
    process.wait_for_log("PLIMSOLL_TRACK is set")
    assert httpx.get(process.url + "/readyz").status_code == 503


def test_a_pod_of_the_chart_accepts_its_own_track_as_a_pin(process: ServedProcess, desired: Path) -> None:
    desire(desired, "1")
    process.start(PLIMSOLL_DESIRED_STATE=str(desired), PLIMSOLL_TRACK="stable")
    url = process.ready()
    answers = {
        pin: httpx.post(url + "/v1/predict", json=ROW, headers={"x-plimsoll-version": pin})
        for pin in ("stable", "1", "canary", "2")
    }
    assert {pin: reply.status_code for pin, reply in answers.items()} == {
        "stable": 200,
        "1": 200,
        "canary": 404,
        "2": 404,
    }
    assert answers["canary"].json()["error"]["expected"] == "one of: 1, stable"
