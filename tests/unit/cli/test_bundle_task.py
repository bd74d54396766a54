"""`plimsoll bundle add-task`: the next version of a bundle, with a task of one's own that it has proven."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plimsoll.bundle.folder import open_bundle

from tests.conftest import MakeBundle
from tests.doubles.bundles import replace_file
from tests.doubles.masked_transformer import PADDING, make_transformer_bundle
from tests.doubles.own_tasks import PRIVATE, ROW
from tests.unit.cli.conftest import Ran, RunPlimsoll

LETTERS = "tests.doubles.own_tasks:Letters"


class Adding:
    """The command over the tiny bundle, with some of its options changed."""

    def __init__(self, plimsoll: RunPlimsoll, source: Path) -> None:
        self._plimsoll = plimsoll
        self.source = source
        self.made = source.with_name("2")

    def __call__(self, requests: Any = ({"letters": ROW},), **changes: str) -> Ran:
        Path("bodies.json").write_text(json.dumps(requests) if not isinstance(requests, str) else requests)
        options = {"task": LETTERS, "version": "2", "requests": "bodies.json", **changes}
        given = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
        return self._plimsoll("bundle", "add-task", str(self.source), *given)


@pytest.fixture
def add_task(plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle) -> Adding:
    return Adding(plimsoll, make_tiny_bundle().path)


def test_the_new_bundle_expects_the_answers_of_now_and_is_verified(add_task: Adding, plimsoll: RunPlimsoll) -> None:
    Path("vocabulary.txt").write_text("a\nb\n")
    ran = add_task(
        task="tests.doubles.own_tasks:ReadsFile", file="vocabulary.txt", options='{"file": "vocabulary.txt"}'
    )
    assert (ran.code, ran.err) == (0, "")
    made = open_bundle(add_task.made)
    assert ran.out.splitlines()[0] == f"{made.path}: tiny 2, digest {made.digest}"
    assert made.read("vocabulary.txt") == b"a\nb\n"
    assert made.manifest.options == {"file": "vocabulary.txt"}
    ((request,),) = [json.loads(made.read("requests.json"))]
    assert request["body"] == {"letters": ROW}
    assert sorted(request["predictions"][0]) == ["label", "scores"]
    trust = ("--trust-factory", "tests.doubles.own_tasks:ReadsFile")
    verified = plimsoll("bundle", "verify", str(made.path), *trust)
    assert verified.code == 0
    assert "ok   golden       requests: 1 answered as expected" in verified.out
    refused = plimsoll("bundle", "verify", str(made.path))
    assert (refused.code, refused.out.splitlines()[-1].split()[:2]) == (1, ["fail", "task"])


def test_a_golden_request_that_is_answered_otherwise_fails_the_check(add_task: Adding, plimsoll: RunPlimsoll) -> None:
    assert add_task().code == 0
    bundle = open_bundle(add_task.made)
    listed = json.loads(bundle.read("requests.json"))
    listed[0]["predictions"][0]["label"] = "z"
    replace_file(bundle, "requests.json", json.dumps(listed).encode())
    ran = plimsoll("bundle", "verify", str(bundle.path), "--trust-factory", LETTERS)
    assert ran.code == 1
    assert "fail golden       golden request 0 does not match: predictions[0].label is " in ran.out.splitlines()[-1]


def test_a_task_of_ours_gets_golden_requests_too(add_task: Adding, plimsoll: RunPlimsoll) -> None:
    assert add_task([{"features": [0.1, 0.2, 0.3, 0.4]}], task="tabular-classification").code == 0
    verified = plimsoll("bundle", "verify", str(add_task.made))
    assert verified.code == 0
    assert "requests: 1 answered as expected" in verified.out


def test_the_options_stay_with_the_task(add_task: Adding) -> None:
    vocabulary = Path("vocabulary.txt")
    reads = "tests.doubles.own_tasks:ReadsFile"
    vocabulary.write_text("a\n")
    options = json.dumps({"file": vocabulary.name})
    assert add_task(task=reads, file=vocabulary.name, options=options).code == 0
    add_task.source = add_task.made
    assert add_task(task=reads, version="3").code == 0
    again = open_bundle(add_task.made.with_name("3"))
    assert again.manifest.options == {"file": vocabulary.name}
    assert add_task(version="4").code == 0
    assert open_bundle(add_task.made.with_name("4")).manifest.options == {}
    assert add_task(task=reads, version="5", options=json.dumps({"file": "requests.json"})).code == 0
    assert open_bundle(add_task.made.with_name("5")).manifest.options == {"file": "requests.json"}


def test_a_file_of_the_task_is_replaced(add_task: Adding) -> None:
    vocabulary = Path("vocabulary.txt")
    vocabulary.write_text("a\n")
    assert add_task(file=vocabulary.name).code == 0
    vocabulary.write_text("a\nb\n")
    add_task.source = add_task.made
    assert add_task(file=vocabulary.name, version="3").code == 0
    versions = [open_bundle(add_task.made.with_name(version)) for version in ("2", "3")]
    assert [each.read(vocabulary.name) for each in versions] == [b"a\n", b"a\nb\n"]
    for each in versions:
        each.verify_files()


@pytest.mark.parametrize("name", ["weights.safetensors", "golden.safetensors", "manifest.json"])
def test_no_other_file_of_the_bundle_is_replaced(add_task: Adding, name: str) -> None:
    Path(name).write_text("[]")
    ran = add_task(file=name)
    assert ran.code == 2
    assert f"two files of the bundle would be named {name}" in ran.complaint
    assert not add_task.made.exists()


def test_a_file_of_the_task_may_have_the_name_of_the_golden_requests(add_task: Adding, plimsoll: RunPlimsoll) -> None:
    Path("requests.json").write_text("[1, 2]")
    options = '{"file": "requests.json"}'
    task = "tests.doubles.own_tasks:ReadsFile"
    assert add_task(task=task, file="requests.json", options=options).code == 0
    add_task.source = add_task.made
    ran = add_task(task=task, version="3")
    made = open_bundle(add_task.made.with_name("3"))
    assert ran.out.splitlines()[1].endswith(f"read their predictions in {made.path / '2.requests.json'}")
    assert made.read("requests.json") == b"[1, 2]"
    assert made.manifest.golden.requests == "2.requests.json"
    assert json.loads(made.read("2.requests.json"))[0]["body"] == {"letters": ROW}
    assert plimsoll("bundle", "verify", str(made.path), "--trust-factory", task).code == 0


def test_padding_stays_switched_on(plimsoll: RunPlimsoll, tmp_path: Path) -> None:
    bundle = make_transformer_bundle(tmp_path / "models")
    Path("bodies.json").write_text(json.dumps([{"inputs": {"input_ids": [1, 2, 3]}}]))
    ran = plimsoll(
        "bundle", "add-task", str(bundle.path), "--task", "tensors", "--version", "2", "--requests", "bodies.json",
        "--trust-factory", "tests.doubles.masked_transformer:MaskedTransformer",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    assert open_bundle(bundle.path.with_name("2")).manifest.options == {"padding": PADDING}


def test_a_path_with_dots_writes_next_to_the_bundle(add_task: Adding) -> None:
    made, source = add_task.made, add_task.source
    add_task.source = source / ".." / "1"
    assert add_task().code == 0
    assert open_bundle(made).manifest.version == "2"
    open_bundle(source).verify_files()


@pytest.mark.parametrize(
    ("requests", "changes", "complaint"),
    [
        ("[", {}, "--requests is not JSON"),
        ({}, {}, "--requests should be a JSON array"),
        ([], {}, "--requests should hold 1 to 100 bodies, and holds 0"),
        (f"[{'[' * 251}{']' * 251}]", {}, "body 0 of --requests is nested too deeply; expected are at most 250 levels"),
        ([{"letters": 1}], {}, "golden request 0 is not answered: 'letters' has the wrong type"),
        ([{"letters": ROW}], {"options": "[]"}, "--options should be a JSON object"),
        ([{"letters": ROW}], {"version": "1"}, "tiny 1 exists already"),
        ([{"letters": ROW}], {"task": "letters"}, "there is no task 'letters'"),
        ([{"letters": ROW}], {"task": "tests.doubles.own_tasks:raises"}, "it raised FileNotFoundError"),
        ([{"letters": {**ROW, "do": "raise"}}], {"task": "tests.doubles.own_tasks:Odd"}, PRIVATE),
    ],
)
def test_nothing_is_half_made(add_task: Adding, requests: Any, changes: dict[str, str], complaint: str) -> None:
    ran = add_task(requests, **changes)
    assert ran.code == 2
    assert complaint in ran.complaint
    assert not add_task.made.exists()
