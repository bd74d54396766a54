from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plimsoll.bundle.folder import open_bundle
from safetensors.torch import save

from tests.conftest import MakeBundle
from tests.doubles.bundles import Fields, fields_of, rewrite_manifest, without_threshold
from tests.doubles.masked_transformer import MaskedTransformer, UnmaskedMean, make_transformer_bundle
from tests.doubles.programs import program_bundle, tiny_program
from tests.unit.cli.conftest import RunPlimsoll

SPAM = "tests.doubles.odd_models:Spam"
LOGITS = "tests.doubles.odd_models:Logits"


def take_whole_numbers(path: Path) -> None:
    rewrite_manifest(open_bundle(path), lambda fields: fields["signature"]["inputs"][0].update(datatype="INT64"))


def relabel(path: Path, labels: list[str | int]) -> None:
    fields = fields_of(open_bundle(path))
    fields["signature"]["outputs"][0]["labels"] = labels
    write(path / "manifest.json", json.dumps(fields))


def write(path: Path, content: str) -> None:
    path.write_text(content)


SPOILT: dict[str, tuple[Any, str, str]] = {
    "no manifest": (lambda path: (path / "manifest.json").unlink(), "files", "manifest.json cannot be read"),
    "manifest is no JSON": (lambda path: write(path / "manifest.json", "{"), "manifest", "not a valid manifest"),
    "folder of another version": (
        lambda path: rewrite_manifest(open_bundle(path), lambda fields: fields.update(version="2")),
        "manifest",
        "the bundle in tiny/1 says that it is tiny 2",
    ),
    "no task": (take_whole_numbers, "task", "its input 'input' is INT64 [-1, 4]; take FP32"),
    "a label twice": (
        lambda path: relabel(path, ["a", "b", "a"]),
        "manifest",
        "the label 'a' stands for 2 classes; give each its own",
    ),
    "a label beyond 64 bits": (
        lambda path: relabel(path, ["a", "b", 1 << 63]),
        "manifest",
        "a whole number as a label lies between -9223372036854775808 and 9223372036854775807",
    ),
    "unlisted file": (lambda path: write(path / "run.py", ""), "files", "run.py"),
    "missing file": (lambda path: (path / "weights.safetensors").unlink(), "files", "weights.safetensors"),
    "tampered file": (lambda path: write(path / "weights.safetensors", "x"), "digest", "was changed after"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_verify_names_the_check_that_failed_and_exits_with_1(
    plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle, name: str
) -> None:
    spoil, check, sentence = SPOILT[name]
    bundle = make_tiny_bundle()
    spoil(bundle.path)
    ran = plimsoll("bundle", "verify", str(bundle.path))
    assert (ran.code, ran.err) == (1, "")
    last = ran.out.splitlines()[-1]
    assert last.split()[:2] == ["fail", check]
    assert sentence in last


def test_verify_runs_the_golden_samples(plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle) -> None:
    other = make_tiny_bundle(version="2", seed=5).read("golden.safetensors")
    bundle = make_tiny_bundle()

    def swap(fields: Fields) -> None:
        fields["files"]["golden.safetensors"] = open_bundle(bundle.path.parent / "2").manifest.files[
            "golden.safetensors"
        ]

    (bundle.path / "golden.safetensors").write_bytes(other)
    rewrite_manifest(bundle, swap)
    ran = plimsoll("bundle", "verify", str(bundle.path))
    assert ran.code == 1
    assert [line.split()[:2] for line in ran.out.splitlines()] == [
        ["ok", "manifest"], ["ok", "files"], ["ok", "task"], ["ok", "weights"], ["fail", "golden"],
    ]  # fmt: skip
    assert "golden sample 0 does not match" in ran.out


def test_verify_leaves_a_program_unopened_unless_it_is_trusted(
    plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle
) -> None:
    bundle = program_bundle(make_tiny_bundle(), tiny_program())
    refused = plimsoll("bundle", "verify", str(bundle.path))
    assert refused.code == 1
    assert refused.out.splitlines()[-1] == (
        "fail format       program.pt2 is a .pt2 program, and opening one can run code from it; it was left unopened. "
        "Ship safetensors weights, or set PLIMSOLL_TRUST_PT2=true if you trust whoever made this file"
    )
    assert plimsoll("bundle", "verify", str(bundle.path), "--trust-pt2").code == 0


def test_verify_trusts_what_the_settings_of_a_server_trust(
    plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = str(program_bundle(make_tiny_bundle(name="program"), tiny_program()).path)
    logits = str(make_tiny_bundle(name="logits", architecture=None, factory=LOGITS).path)
    refused = plimsoll("bundle", "verify", logits)
    assert (refused.code, refused.out.splitlines()[-1].split()[:2]) == (1, ["fail", "format"])
    assert f"the bundle wants the factory '{LOGITS}'" in refused.out
    monkeypatch.setenv("PLIMSOLL_FACTORIES", f"other:factory,{LOGITS}")
    monkeypatch.setenv("PLIMSOLL_TRUST_PT2", "true")
    assert plimsoll("bundle", "verify", logits).code == 0
    assert plimsoll("bundle", "verify", program).code == 0


@pytest.mark.parametrize(("kind", "ends"), [(MaskedTransformer, ("ok", 0)), (UnmaskedMean, ("fail", 1))])
def test_verify_proves_padding(
    plimsoll: RunPlimsoll, tmp_path: Path, kind: type[MaskedTransformer], ends: tuple[str, int]
) -> None:
    bundle = make_transformer_bundle(tmp_path, kind)
    factory = f"{kind.__module__}:{kind.__name__}"
    ran = plimsoll("bundle", "verify", str(bundle.path), "--trust-factory", factory)
    (line,) = [line for line in ran.out.splitlines() if line.split()[1] == "padding"]
    assert (line.split()[0], ran.code) == ends


FULL_BATCH = "golden row 4, golden row 3, golden row 1, golden row 0, a row at the minimum, a row at the maximum"
RAISED = "the buffer is full"


@pytest.mark.parametrize(
    ("most_rows", "parameters", "last"),
    [
        ("7", {"rows": 8}, "ok   warm-up      batches of up to 7 rows"),
        (
            "8",
            {"rows": 8},
            f"fail independence the model fails in a batch of 8 rows of {FULL_BATCH}: it raised RuntimeError: {RAISED}",
        ),
        (
            "16",
            {"rows": 8, "largest": 16},
            f"fail warm-up      the model fails on a batch of 8 rows: it raised RuntimeError: {RAISED}",
        ),
    ],
)
def test_verify_runs_the_batches_of_a_server_and_names_the_size_that_fails(
    plimsoll: RunPlimsoll,
    make_tiny_bundle: MakeBundle,
    monkeypatch: pytest.MonkeyPatch,
    most_rows: str,
    parameters: dict[str, int],
    last: str,
) -> None:
    factory = "tests.doubles.odd_models:FailsFrom"
    bundle = make_tiny_bundle(architecture=None, factory=factory, parameters={"sizes": [4, 8, 3], **parameters})
    monkeypatch.setenv("PLIMSOLL_MAX_BATCH_ROWS", most_rows)
    ran = plimsoll("bundle", "verify", str(bundle.path), "--trust-factory", factory)
    assert ran.code == (0 if last.startswith("ok") else 1)
    assert ran.out.splitlines()[-1] == last


def test_verify_notes_one_label_of_one_score_and_goes_on(plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle(architecture=None, factory=SPAM, parameters={}, weights=save({}), labels=["spam"])
    without_threshold(bundle)
    ran = plimsoll("bundle", "verify", str(bundle.path), "--trust-factory", SPAM)
    assert (ran.code, ran.err) == (0, f"note {open_bundle(bundle.path).manifest.remark()}\n")


def test_verify_on_a_device_that_is_not_there_is_exit_code_2(
    plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle
) -> None:
    ran = plimsoll("bundle", "verify", str(make_tiny_bundle().path), "--device", "tpu")
    assert ran == (2, "", "error: 'tpu' is no device; expected auto, cpu, cuda or cuda:N\n")


def test_verify_shows_what_it_found_word_for_word(plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "notes [draft] [").write_text("")
    (bundle.path / "x[").mkdir()
    ran = plimsoll("bundle", "verify", str(bundle.path))
    assert ran.code == 1
    assert "notes [draft] [" in ran.out


def test_verify_shows_a_name_that_is_not_utf_8(plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "notes\udcff").write_text("")
    ran = plimsoll("bundle", "verify", str(bundle.path))
    assert ran.out.splitlines()[-1] == "fail files        there and not listed in manifest.json: notes\\udcff"
