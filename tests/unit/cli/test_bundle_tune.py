from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plimsoll.bundle import installed_packages
from plimsoll.bundle.folder import open_bundle
from plimsoll.runtime.tuning import makers

from tests.conftest import MakeBundle
from tests.doubles.digits_rows import write_held_out
from tests.doubles.onnx_digits import DIGITS
from tests.unit.cli.conftest import RunPlimsoll

QUICK = ("--rows", "1", "--turns", "3")
ROWS = np.random.default_rng(0).random((30, 4), np.float32)


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of digits 1, in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(makers, "fault_of_bfloat16", lambda: "this processor is old")
    return Path(shutil.copytree(DIGITS / "1", "models/digits/1"))


def test_the_fastest_that_keeps_its_answers_becomes_the_next_version(
    digits: Path, plimsoll: RunPlimsoll, tmp_path: Path
) -> None:
    write_held_out(tmp_path / "heldout.npz")
    arguments = ("--evaluate", "heldout.npz", "--allow-loss", "0.02", "--plot", "speeds.png")
    ran = plimsoll("bundle", "tune", str(digits), *arguments, *QUICK)
    assert ran.code == 0, ran.err
    assert "PyTorch, bfloat16: this processor is old" in ran.out
    assert "96.1% (94.7% to 97.1%)" in ran.out
    assert "measuring 4 models by turns" in ran.err
    made = open_bundle(digits.with_name("1.1"))
    assert "times as fast as digits 1\n" in ran.out
    assert ran.out.endswith(f"models/digits/1.1: digits 1.1, digest {made.digest}\n")
    assert (tmp_path / "speeds.png").read_bytes().startswith(b"\x89PNG")

    before, after = open_bundle(digits).manifest, made.manifest
    assert (after.schema_version, after.model.format) == (2, "onnx")
    assert after.line_signature() == before.line_signature()
    assert after.metrics["accuracy"].rows == 1000
    assert after.metrics["speed at 1 row"].value > 1.05
    assert after.metrics["agreement with digits 1"].value > 0.98
    found = json.loads(made.read("tuning.json"))
    assert (found["tuned_from"], found["digest"], found["allowed_loss"]) == ("1", open_bundle(digits).digest, 0.02)
    assert found["evaluation"]["rows"] == 1000
    assert str(tmp_path) not in made.read("tuning.json").decode()
    assert [each["standing"] for each in found["candidates"]] == ["present", "comparison", "fit", "fit", "left out"]

    verified = plimsoll("bundle", "verify", str(made.path))
    assert (verified.code, verified.err) == (0, "")
    again = plimsoll("bundle", "tune", str(made.path))
    assert (again.code, again.out) == (2, "")
    assert (
        "digits 1.1 was tuned already; tune the version that it was made of, which its tuning.json names" in again.err
    )
    twice = plimsoll("bundle", "tune", str(digits))
    assert "digits 1.1 exists already; choose another one with --version" in twice.err


def test_without_a_file_answers_stay_within_the_golden_tolerance_and_findings_can_be_json(
    digits: Path, plimsoll: RunPlimsoll
) -> None:
    ran = plimsoll("bundle", "tune", str(digits), "--json", "--models", "tuned", "--version", "7", *QUICK)
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    standings = {each["name"]: each["standing"] for each in found["candidates"]}
    assert standings["ONNX Runtime, float32"] == "fit"
    assert standings["ONNX Runtime, int8"] == "left out"
    assert found["chosen"] == "ONNX Runtime, float32"
    made = open_bundle(Path("tuned/digits/7"))
    assert found["written"] == {"path": str(made.path), "digest": made.digest}
    assert made.manifest.golden == open_bundle(digits).manifest.golden
    assert "accuracy" in made.manifest.metrics  # of the training, since no answer has changed


def test_a_loss_that_is_too_large_is_shown_and_refused(digits: Path, plimsoll: RunPlimsoll, tmp_path: Path) -> None:
    write_held_out(tmp_path / "heldout.npz", 100)
    ran = plimsoll(
        "bundle", "tune", str(digits), "--evaluate", "heldout.npz", "--allow-loss", "0.001", "--dry-run", *QUICK
    )
    assert ran.code == 0, ran.err
    (line,) = (line for line in ran.out.splitlines() if line.startswith("ONNX Runtime, int8  "))
    assert line.rstrip().endswith("refused")
    assert "with 95 % confidence; 0.10% is allowed" in ran.out
    assert not digits.with_name("1.1").exists()


def test_without_the_packages_of_onnx_nothing_is_faster_and_the_command_to_install_them_is_shown(
    make_tiny_bundle: MakeBundle, plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed_packages, "find_spec", lambda name: None if name == "onnx" else find_spec(name))
    monkeypatch.setattr(makers, "fault_of_bfloat16", lambda: "this processor is old")
    bundle = make_tiny_bundle()
    ran = plimsoll("bundle", "tune", str(bundle.path), *QUICK)
    assert ran.code == 0, ran.err
    assert "pip install 'plimsoll[export,onnx]'" in ran.out
    assert "note without --evaluate no answer may leave the golden tolerance, int8 is left out" in ran.err
    assert ran.out.endswith("is at least 1.05 times as fast; nothing was written\n")
    assert [each.name for each in bundle.path.parent.iterdir()] == ["1"]


def test_without_torch_a_bundle_of_torch_is_not_tuned(
    make_tiny_bundle: MakeBundle, plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed_packages, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    ran = plimsoll("bundle", "tune", str(make_tiny_bundle().path))
    assert (ran.code, ran.out) == (2, "")
    assert "needs PyTorch, which is not installed here" in ran.err
    assert "pip install 'plimsoll[torch]'" in ran.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "manifest.json cannot be read"),
        (["BUNDLE", "--evaluate", "none.csv"], "--evaluate 'none.csv' is no file"),
        (["BUNDLE", "--allow-loss", "0.01"], "--allow-loss is about right answers"),
        (["BUNDLE", "--allow-loss", "0.01", "--evaluate", "rows.npy"], "and rows.npy has none"),
        (["BUNDLE", "--allow-loss", "0.9"], "Input should be less than or equal to 0.5"),
        (["BUNDLE", "--evaluate", "one.npz"], "one.npz has 1 row, which would show nothing; give at least 20"),
        (["BUNDLE", "--evaluate", "class.npz"], "every row of --evaluate class.npz has the label 'a'"),
        (["BUNDLE", "--evaluate", "unknown.npz"], "has the label 'z', and the model knows 'a', 'b', 'c'"),
        (["BUNDLE", "--evaluate", "rows.npy", "--label", "kind"], "rows.npy has no 'kind', which --label names"),
        (["BUNDLE", "--rows", "129"], "--rows 129 is more than a batch has, which is 128 (PLIMSOLL_MAX_BATCH_ROWS)"),
        (["BUNDLE", *["--rows", "1"] * 9], "--rows is given 9 times, and 8 is the most"),
        (["BUNDLE", "--plot", "speeds.txt"], "--plot speeds.txt should end in .png, .svg or .pdf"),
        (
            ["BUNDLE", "--version", "one"],
            "a version is one to four numbers joined by dots, without leading zeros, and 'one' is given",
        ),
    ],
)
def test_a_wrong_choice_is_exit_code_2_before_anything_is_measured(
    make_tiny_bundle: MakeBundle, plimsoll: RunPlimsoll, arguments: list[str], sentence: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    bundle = make_tiny_bundle()
    files: dict[str, Any] = {
        "one.npz": {"input": ROWS[:1]},
        "class.npz": {"input": ROWS, "label": ["a"] * 30},
        "unknown.npz": {"input": ROWS, "label": ["a", "z"] * 15},
    }
    np.save("rows.npy", ROWS)
    for name, tensors in files.items():
        np.savez(name, **tensors)
    words = [str(bundle.path) if word == "BUNDLE" else word for word in arguments]
    ran = plimsoll("bundle", "tune", *words)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.complaint
    assert [each.name for each in bundle.path.parent.iterdir()] == ["1"]
