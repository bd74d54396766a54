"""Options, files and golden requests of the task of a new bundle, over the commands that take them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.golden_requests import read_requests

from tests.doubles.onnx_graphs import linear
from tests.unit.cli.bundle_maker import Maker
from tests.unit.cli.conftest import RunPlimsoll

COLUMNS = [
    {"name": "age", "kind": "number", "minimum": 0, "maximum": 120},
    {"name": "home", "kind": "category", "values": ["rent", "own"], "missing": "rent"},
    {"name": "size", "kind": "number", "missing": 1},
]
OPTIONS = {"columns": COLUMNS}
BODIES: list[Any] = [{"columns": {"age": 41, "home": "own"}}, {"features": [41, 0, 1, 1]}]


@pytest.fixture
def maker(plimsoll: RunPlimsoll) -> Maker:
    Path("options.json").write_text(json.dumps(OPTIONS))
    Path("bodies.json").write_text(json.dumps(BODIES))
    Path("notes.txt").write_text("read by nobody")
    return Maker(plimsoll)


def test_a_new_bundle_gets_columns_files_and_golden_requests(maker: Maker, plimsoll: RunPlimsoll) -> None:
    ran = maker.create(options="@options.json", requests="bodies.json", file="notes.txt")
    assert (ran.code, ran.err) == (0, "")
    made = open_bundle(Path("models/tiny/1"))
    assert made.manifest.options == OPTIONS
    assert made.read("notes.txt") == b"read by nobody"
    by_name, by_position = read_requests(made)
    assert [json.loads(each.body) for each in (by_name, by_position)] == BODIES
    assert by_name.predictions == by_position.predictions
    assert f"digest {made.digest}" in ran.out
    assert "requests: 2 answered as expected" in plimsoll("bundle", "verify", "models/tiny/1").out


def test_init_checks_columns_and_requests_and_shows_a_request_by_name(maker: Maker, plimsoll: RunPlimsoll) -> None:
    del maker
    Path("tiny.onnx").write_bytes(linear().SerializeToString())
    ran = plimsoll(
        "init", "tiny.onnx", "--no-ask", "--labels", '["a", "b", "c"]', "--options", json.dumps(OPTIONS),
        "--requests", "bodies.json", "--file", "notes.txt",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "2 golden requests" in ran.out
    request = json.loads(Path("tiny-1-request.json").read_text())
    assert request["columns"].keys() == {"age", "home", "size"}
    assert open_bundle(Path("models/tiny/1")).manifest.golden.requests == "requests.json"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"options": "{"}, "--options is not JSON"),
        ({"options": "[]"}, "--options should be a JSON object"),
        ({"options": "@nowhere.json"}, "--options @nowhere.json cannot be read: No such file or directory"),
        ({"options": '{"columns": []}'}, "the option 'columns' is malformed"),
        ({"options": json.dumps({"columns": COLUMNS[:2]})}, "makes rows of 3 numbers, and the input 'input' takes 4"),
        ({"options": "{}", "about": "twice.json"}, "--options and the field 'options' of --about say the same"),
        ({"requests": "options.json"}, "--requests should be a JSON array"),
        ({"requests": "none.json"}, "--requests should hold 1 to 100 bodies, and holds 0"),
        ({"requests": "bodies.json"}, "golden request 0 is not answered: unknown field 'columns'"),
        ({"file": "w/weights.safetensors"}, "two files of the bundle would be named weights.safetensors"),
    ],
)
def test_what_does_not_fit_writes_nothing(maker: Maker, changes: dict[str, str], sentence: str) -> None:
    Path("none.json").write_text("[]")
    Path("twice.json").write_text(json.dumps({"options": OPTIONS}))
    Path("w").mkdir()
    Path("w/weights.safetensors").write_bytes(b"")
    ran = maker.create(**changes)
    assert ran.code == 2
    assert sentence in ran.complaint, ran.err
    assert not Path("models/tiny").exists()
