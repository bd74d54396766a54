"""Key files and desired states that break, vanish or are followed without inotify, in a server of real processes."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
from pathlib import Path

import httpx
import psutil
import pytest

from tests.integration.served_process import ServedProcess

ROW = {"features": [0.0] * 784}
DIGITS = 'models: [{name: digits, versions: [{version: "2"}]}]'
BOTH_READY = r"(?s)(is ready on cpu.*){2}"


def keys(*labels: str, scope: str = "predict") -> str:
    """A key file in which each label is also the key."""
    listed = ", ".join(
        f"{{label: {each}, sha256: {hashlib.sha256(each.encode()).hexdigest()}, scopes: [{scope}]}}" for each in labels
    )
    return f"keys: [{listed}]"


def ask(url: str, key: str = "one") -> int:
    return httpx.post(url + "/v1/predict", json=ROW, headers={"x-api-key": key}).status_code


def kill_a_worker(process: ServedProcess) -> None:
    worker = psutil.Process(process.pid).children()[0]
    worker.send_signal(signal.SIGKILL)
    process.wait_for_log(r"(?s)(is ready on cpu.*){3}")


def test_a_worker_that_starts_while_the_key_file_is_broken_answers_as_the_others_do(
    process: ServedProcess, tmp_path: Path
) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(keys("one"))
    process.start("--workers", "2", PLIMSOLL_KEYS_FILE=str(file))
    url = process.url
    process.wait_for_log(BOTH_READY)
    file.write_text("keys: [")
    process.wait_for_log(r"(?s)(not YAML.*){2}")
    kill_a_worker(process)
    assert {ask(url) for _ in range(40)} == {200}
    assert {ask(url, "other") for _ in range(40)} == {401}
    process.wait_for(lambda: 'plimsoll_file_broken{file="keys"} 1.0' in httpx.get(url + "/metrics").text, "the metric")
    file.write_text(keys("two"))
    process.wait_for_log(r"(?s)(1 API keys are in force: two.*){2}")
    assert {(ask(url), ask(url, "two")) for _ in range(20)} == {(401, 200)}


def test_a_worker_that_starts_while_the_desired_state_is_broken_serves_what_the_others_serve(
    process: ServedProcess, tmp_path: Path
) -> None:
    file = tmp_path / "desired.yaml"
    file.write_text(DIGITS)
    process.start("--workers", "2", PLIMSOLL_DESIRED_STATE=str(file))
    url = process.url
    process.wait_for_log(BOTH_READY)
    file.write_text("models: [")
    process.wait_for_log(r"(?s)(not YAML.*){2}")
    kill_a_worker(process)
    assert {ask(url) for _ in range(60)} == {200}
    health = httpx.get(url + "/v1/health/detailed").json()
    assert health["status"] == "ready"
    assert [(each["task"], each["running"]) for each in health["background_tasks"]] == [("desired_state", True)]
    (broken,) = health["files"]
    assert broken["file"] == "desired_state"
    assert "not YAML" in broken["reason"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_key_file_that_is_broken_at_the_start_is_one_sentence_and_no_trace(
    process: ServedProcess, tmp_path: Path, workers: str
) -> None:
    file = tmp_path / "keys.yaml"
    file.write_bytes(keys("one").encode("utf-16"))
    process.start("--workers", workers, PLIMSOLL_KEYS_FILE=str(file))
    assert process.exit_code() == 2
    (line,) = process.log().splitlines()
    assert line.endswith("the key file keys.yaml is not UTF-8 text (UTF-16); save it as UTF-8")


def test_a_key_that_is_taken_out_is_refused_and_a_file_of_no_keys_lets_nobody_in(
    process: ServedProcess, tmp_path: Path
) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(keys("one", "leaked"))
    process.start(PLIMSOLL_KEYS_FILE=str(file))
    url = process.ready()
    assert (ask(url), ask(url, "leaked")) == (200, 200)
    file.write_text(keys("one"))
    process.wait_for_log("1 API keys are in force: one")
    assert (ask(url), ask(url, "leaked")) == (200, 401)
    file.write_text("keys: []")
    process.wait_for_log("no API key is in force")
    assert (ask(url), ask(url, "leaked")) == (401, 401)
    assert httpx.get(url + "/readyz").status_code == 200


WITHOUT_INOTIFY = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'


def test_files_are_followed_where_no_inotify_instance_is_left(tmp_path: Path) -> None:
    in_namespace = ["unshare", "--user", "--map-root-user", "sh", "-c", WITHOUT_INOTIFY, "sh"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*in_namespace, "true"], capture_output=True, check=False, timeout=60).returncode
    ):
        pytest.skip("needs a user namespace of its own")
    file = tmp_path / "keys.yaml"
    file.write_text(keys("one", "leaked"))
    process = ServedProcess(Path(__file__).parents[2] / "models", within=in_namespace)
    try:
        process.start(PLIMSOLL_KEYS_FILE=str(file))
        url = process.ready()
        assert ask(url, "leaked") == 200
        file.write_text(keys("one"))
        process.wait_for_log("1 API keys are in force: one")
        assert (ask(url), ask(url, "leaked")) == (200, 401)
    finally:
        process.kill()


def test_each_line_tells_whose_key_it_was_and_where_it_came_from(process: ServedProcess, tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(keys("one"))
    process.start(PLIMSOLL_KEYS_FILE=str(file))
    url = process.ready()
    ask(url)
    ask(url, "stranger")
    process.wait_for_log('"status": 401')
    lines = [line for line in process.lines() if line["logger"] == "plimsoll.access"]
    assert [(line["status"], line.get("key"), line["peer"]) for line in lines] == [
        (200, "one", "127.0.0.1"),
        (401, None, "127.0.0.1"),
    ]
    assert "stranger" not in process.log()


def test_the_last_good_copies_are_for_this_user_only_and_go_with_the_server(
    process: ServedProcess, tmp_path: Path
) -> None:
    file, temporary = tmp_path / "keys.yaml", tmp_path / "temporary"
    temporary.mkdir()
    file.write_text(keys("one"))
    process.start("--workers", "2", PLIMSOLL_KEYS_FILE=str(file), TMPDIR=str(temporary))
    process.wait_for_log(BOTH_READY)
    (copy,) = temporary.rglob("keys.last-good")
    assert copy.read_text() == file.read_text()
    assert copy.stat().st_mode & 0o077 == 0
    process.signal()
    assert process.exit_code() == 0
    assert list(temporary.iterdir()) == []
