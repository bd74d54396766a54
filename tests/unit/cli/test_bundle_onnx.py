from __future__ import annotations

import json
from pathlib import Path

import pytest
from plimsoll.bundle.folder import open_bundle

from tests.conftest import MakeBundle
from tests.doubles.own_tasks import ROW, with_requests
from tests.unit.cli.conftest import RunPlimsoll


def test_a_bundle_is_exported_and_can_be_verified(
    make_tiny_bundle: MakeBundle, plimsoll: RunPlimsoll, tmp_path: Path
) -> None:
    bundle = make_tiny_bundle()
    ran = plimsoll("bundle", "export-onnx", str(bundle.path))
    assert (ran.code, ran.err) == (0, "")
    made = open_bundle(tmp_path / "models" / "tiny" / "1.1")
    assert ran.out == (
        f"{made.path}: tiny 1.1, digest {made.digest}; answers the golden samples as tiny 1 does, within 0.0001 + "
        "0.001 x |expected|\n"
    )
    verified = plimsoll("bundle", "verify", str(made.path))
    assert (verified.code, verified.err) == (0, "")
    assert "67 parameters on cpu" in verified.out

    again = plimsoll("bundle", "export-onnx", str(bundle.path))
    assert (again.code, again.out) == (2, "")
    assert "tiny 1.1 exists already; a version never changes, choose the next one" in again.err
    elsewhere = plimsoll("bundle", "export-onnx", str(bundle.path), "--version", "7", "--models", "exported")
    assert elsewhere.code == 0
    assert open_bundle(Path("exported/tiny/7")).manifest.files == made.manifest.files

    refused = plimsoll("bundle", "export-onnx", str(made.path))
    assert refused.err == "error: only a safetensors bundle can be exported, and tiny 1.1 is of the format onnx\n"


def test_a_path_with_dots_writes_next_to_the_bundle(make_tiny_bundle: MakeBundle, plimsoll: RunPlimsoll) -> None:
    bundle = make_tiny_bundle()
    ran = plimsoll("bundle", "export-onnx", f"{bundle.path}/../1")
    assert (ran.code, ran.err) == (0, "")
    assert open_bundle(bundle.path.with_name("1.1")).manifest.version == "1.1"
    open_bundle(bundle.path).verify_files()


def test_a_missing_package_is_named(
    make_tiny_bundle: MakeBundle, plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "plimsoll.bundle.installed_packages.find_spec", lambda name: None if name == "onnxscript" else name
    )
    ran = plimsoll("bundle", "export-onnx", str(make_tiny_bundle().path))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("needs onnxscript, which is not installed here; pip install 'plimsoll[export,onnx]'\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "manifest.json cannot be read"),
        ([], "Missing argument"),
        (["BUNDLE", "--version", "one"], "field 'version'"),
    ],
)
def test_what_cannot_be_exported_is_exit_code_2(
    make_tiny_bundle: MakeBundle, plimsoll: RunPlimsoll, arguments: list[str], sentence: str
) -> None:
    bundle = make_tiny_bundle()
    words = [str(bundle.path) if word == "BUNDLE" else word for word in arguments]
    ran = plimsoll("bundle", "export-onnx", *words)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.complaint
    assert [each.name for each in bundle.path.parent.iterdir()] == ["1"]


def test_the_golden_requests_and_the_files_of_the_task_are_carried_over_and_asked(
    make_tiny_bundle: MakeBundle, plimsoll: RunPlimsoll
) -> None:
    Path("bodies.json").write_text(json.dumps([{"letters": ROW}]))
    Path("vocabulary.txt").write_text("a\nb\n")
    task, source = "tests.doubles.own_tasks:ReadsFile", make_tiny_bundle().path
    adding = ("--task", task, "--version", "2", "--requests", "bodies.json", "--file", "vocabulary.txt")
    assert plimsoll("bundle", "add-task", str(source), *adding, "--options", '{"file": "vocabulary.txt"}').code == 0
    untrusted = plimsoll("bundle", "export-onnx", str(source.with_name("2")))
    assert untrusted.code == 2
    assert task in untrusted.err
    assert not source.with_name("2.1").exists()

    ran = plimsoll("bundle", "export-onnx", str(source.with_name("2")), "--trust-factory", task)
    assert (ran.code, ran.err) == (0, "")
    before, after = open_bundle(source.with_name("2")), open_bundle(source.with_name("2.1"))
    assert after.manifest.golden == before.manifest.golden
    for file in ("requests.json", "vocabulary.txt", "golden.safetensors"):
        assert after.read(file) == before.read(file)
    verified = plimsoll("bundle", "verify", str(after.path), "--trust-factory", task)
    assert (verified.code, verified.err) == (0, "")
    assert "ok   golden       requests: 1 answered as expected" in verified.out


def test_a_graph_that_answers_a_golden_request_otherwise_is_not_written(
    make_tiny_bundle: MakeBundle, plimsoll: RunPlimsoll
) -> None:
    wrong = [{"body": {"features": [0, 0, 0, 0]}, "predictions": [{"class": "b", "probabilities": [0, 1, 0]}]}]
    bundle = with_requests(make_tiny_bundle(), wrong)
    ran = plimsoll("bundle", "export-onnx", str(bundle.path))
    assert (ran.code, ran.out) == (2, "")
    assert "golden request 0 does not match" in ran.err
    assert [each.name for each in bundle.path.parent.iterdir()] == ["1"]
