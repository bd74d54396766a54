"""The ways to say what a model is asked, from the command to the answer of a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from plimsoll.application import Application
from plimsoll.cli.answering import Answer, Golden
from plimsoll.cli.served_model import ServedModel
from plimsoll.settings import load_settings

from tests.contracts.generated import REPOSITORY
from tests.doubles.servers import CannedServer, served
from tests.unit.cli.conftest import RunPlimsoll

ROW = json.dumps([0.5] * 784)
LINE = ",".join(["0.5"] * 784)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of the digits in both versions."""
    file = tmp_path_factory.mktemp("one") / "desired.yaml"
    file.write_text('{"models": [{"name": "digits", "versions": [{"version": "1"}, {"version": "2"}]}]}')
    chosen = load_settings(models_dir=REPOSITORY / "models", desired_state=file, device="cpu")
    with served(Application(chosen).app) as url:
        yield url


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is one, as rich sees it."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.usefixtures("terminal")
def test_people_see_a_table_and_machines_json(plimsoll: RunPlimsoll, one: str) -> None:
    ran = plimsoll("predict", "--row", ROW, "--row", ROW, "--url", one)
    assert (ran.code, ran.err) == (0, "")
    assert "confidence" in ran.out
    assert "digits 2 in " in ran.out
    assert (
        len(json.loads(plimsoll("predict", "--row", ROW, "--row", ROW, "--url", one, "--json").out)["predictions"]) == 2
    )


def test_the_golden_request_proves_the_way_to_the_model(plimsoll: RunPlimsoll, one: str) -> None:
    ran = plimsoll("predict", "--golden", "--url", one)
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["version"] == "2"
    pinned = plimsoll("predict", "--golden", "--url", one, "--model", "digits", "--version", "1")
    assert json.loads(pinned.out)["version"] == "1"


def test_a_golden_request_without_a_version_that_is_named_finds_the_one_that_is_ready(plimsoll: RunPlimsoll) -> None:
    canned = {
        "versions": [{"state": "ready", "version": "1"}], "version": "1", "body": {"text": "a"}, "state": "ready",
        "predictions": [{"class": "b"}], "absolute_tolerance": 0, "relative_tolerance": 0,
    }  # fmt: skip
    server = CannedServer(json.dumps(canned).encode())
    with server.running() as url:
        same = plimsoll("predict", "--golden", "--model", "m", "--url", url)
    assert same.code == 0
    assert server.received[-1] == ("/v1/models/m/versions/1/predict", b'{"text":"a"}')


def test_a_file_of_rows_is_answered_row_by_row(plimsoll: RunPlimsoll, one: str) -> None:
    Path("rows.csv").write_text("\n".join([LINE] * 130))
    ran = plimsoll("predict", "--file", "rows.csv", "--url", one)
    assert (ran.code, ran.err) == (0, "")
    assert len(json.loads(ran.out)["predictions"]) == 130
    Path("rows.csv").write_text("\n".join([LINE] * 120 + ["1,2"]))
    ran = plimsoll("predict", "--file", "rows.csv", "--url", one)
    assert (ran.code, ran.out) == (1, "")
    assert "this is line 121 of --file" in ran.err


def test_a_text_for_a_model_of_numbers_names_what_it_takes(plimsoll: RunPlimsoll, one: str) -> None:
    ran = plimsoll("predict", "--text", "hello", "--url", one)
    assert ran.code == 1
    assert ran.err.endswith("model digits has the task tabular-classification: ask it with --row, --column or --file\n")


def test_a_class_is_expected_of_one_row(plimsoll: RunPlimsoll, one: str) -> None:
    ran = plimsoll("predict", "--row", ROW, "--row", ROW, "--url", one, "--expect", "zero")
    assert (ran.code, ran.out) == (2, "")
    assert "--expect is for one row" in ran.complaint
    with CannedServer(b'{"predictions": [{"embedding": [1]}]}').running() as url:
        ran = plimsoll("predict", "--text", "a", "--url", url, "--expect", "zero")
    assert (ran.code, ran.err) == (1, "error: the prediction has no class; leave out --expect, or take --golden\n")


def test_another_answer_to_the_golden_request_is_exit_code_1(
    plimsoll: RunPlimsoll, one: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(model: ServedModel) -> tuple[Golden, Answer]:
        facts = model.facts("--golden")
        answer = {"model": facts.name, "version": facts.version, "predictions": [{"class": 0}]}
        return Golden({}, [{"class": 1}], (0, 0)), answer

    monkeypatch.setattr(ServedModel, "golden", asked)
    ran = plimsoll("predict", "--golden", "--url", one)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "error: the golden request is answered otherwise than when the bundle was made: predictions[0].class is "
        "0, expected is 1 within 0 + 0 x |expected|\n"
    )
