from __future__ import annotations

from pathlib import Path

import pytest
from plimsoll.bundle.folder import open_bundle

from tests.conftest import MakeBundle
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
