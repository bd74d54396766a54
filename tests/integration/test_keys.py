"""API keys, from the command that makes them to the server that asks for them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.integration.served_process import ServedProcess

ROW = {"features": [0.0] * 784}


@dataclass(frozen=True)
class Made:
    """What `plimsoll keys new` has printed."""

    key: str
    entry: str


def make(label: str, *scopes: str) -> Made:
    options = [option for scope in scopes for option in ("--scope", scope)]
    command = [sys.executable, "-m", "plimsoll", "keys", "new", "--label", label, *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    key = next(line for line in ran.stderr.splitlines() if "plim_" in line).split()[-1]
    assert key not in ran.stdout, "what goes into the file never holds the key"
    return Made(key, ran.stdout)


def ask(url: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(url + "/v1/predict", json=ROW, headers=named)


def test_only_who_has_a_key_with_the_scope_is_answered(process: ServedProcess, tmp_path: Path) -> None:
    user, operator = make("user"), make("operator", "admin")
    keys = tmp_path / "keys.yaml"
    keys.write_text("keys:\n" + user.entry + operator.entry)
    process.start(PLIMSOLL_KEYS_FILE=str(keys))
    url = process.ready()
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic abc"}, {"x_api_key": "wrong"}):
        reply = ask(url, **headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "unauthorized")
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert ask(url, authorization=f"Bearer {operator.key}").status_code == 403
    assert ask(url, authorization=f"Bearer {user.key}").status_code == 200
    assert ask(url, x_api_key=user.key).status_code == 200
    closed = ("/v1/models", "/v1/models/digits", "/v1/models/digits/versions/2", "/v1/health/detailed")
    assert {httpx.get(url + path).status_code for path in closed} == {401}
    opened = ("/livez", "/readyz", "/startupz", "/v1/health", "/docs", "/openapi.json")
    assert {httpx.get(url + path).status_code for path in opened} == {200}
    assert user.key not in process.log()


def test_a_changed_key_file_is_noticed(process: ServedProcess, tmp_path: Path) -> None:
    old, new = make("old"), make("new")
    keys = tmp_path / "keys.yaml"
    keys.write_text("keys:\n" + old.entry)
    process.start(PLIMSOLL_KEYS_FILE=str(keys))
    url = process.ready()
    keys.write_text("keys: [{label: broken, key: plim_in_plain_text, scopes: [predict]}]")
    complaint = process.wait_for_log("key file cannot be used; the API keys loaded before stay in force.*")[0]
    assert "`plimsoll keys new` makes both" in complaint
    assert "plim_in_plain_text" not in process.log()
    assert ask(url, x_api_key=old.key).status_code == 200
    keys.write_text("keys:\n" + new.entry)
    process.wait_for_log("1 API keys are in force: new")
    assert ask(url, x_api_key=old.key).status_code == 401
    assert ask(url, x_api_key=new.key).status_code == 200


def test_a_server_that_others_reach_needs_keys_or_a_word(process: ServedProcess) -> None:
    process.start("--host", "0.0.0.0")  # noqa: S104  # it must refuse to
    assert process.exit_code() == 2
    assert "PLIMSOLL_KEYS_FILE" in process.log()
    assert "PLIMSOLL_ALLOW_ANONYMOUS=true" in process.log()


def test_a_server_without_keys_says_so_first(process: ServedProcess) -> None:
    process.start()
    process.ready()
    assert process.lines()[0]["message"] == "no API keys are set; anyone who can reach this server can send requests"


def test_all_that_the_command_printed_is_no_key_file_and_is_never_quoted(
    process: ServedProcess, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.yaml"
    command = [sys.executable, "-m", "plimsoll", "keys", "new", "--label", "shop"]
    with keys.open("w") as file:
        subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=True, timeout=60)
    process.start(PLIMSOLL_KEYS_FILE=str(keys))
    assert process.exit_code() == 2
    log = process.log()
    assert "the key file keys.yaml holds an API key itself in line 1, and should hold none: delete all that" in log
    assert "plim_" not in log


def test_a_key_file_that_is_wrong_at_the_start_is_one_sentence(process: ServedProcess, tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("keys: [{label: a, sha256: " + "0" * 64 + ", scopes: [superuser]}]")
    process.start(PLIMSOLL_KEYS_FILE=str(keys))
    assert process.exit_code() == 2
    assert "scopes" in process.log()
    assert "'predict' or 'admin'" in process.log()
