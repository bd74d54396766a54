from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from onnx import TensorProto, helper
from plimsoll.bundle.folder import open_bundle
from plimsoll.runtime.pytorch.module_building import build_architecture
from safetensors.torch import save

from tests.doubles.onnx_graphs import graph_model, linear, tensor, value, with_loop
from tests.unit.cli.conftest import RunPlimsoll

FACTORY = "plimsoll.runtime.pytorch.architectures.digits_mlp:DigitsMlp"
PARAMETERS = {"sizes": [4, 8, 3]}


@pytest.fixture
def graph() -> Path:
    """A graph of two layers, as `onnx.helper` makes one."""
    file = Path("Linear Model.onnx")
    file.write_bytes(linear().SerializeToString())
    return file


@pytest.fixture
def weights() -> Path:
    file = Path("weights.safetensors")
    file.write_bytes(save(build_architecture("digits-mlp", PARAMETERS).state_dict()))
    np.save("rows.npy", np.random.default_rng(0).random((5, 4), np.float32))
    return file


def test_a_graph_becomes_a_bundle_a_request_and_values(graph: Path, plimsoll: RunPlimsoll) -> None:
    ran = plimsoll("init", str(graph), "--no-ask")
    assert ran.code == 0, ran.err
    assert "input  x: FP32 [rows, 4]" in ran.out
    assert "made    models/linear-model/1, linear-model-1-request.json, linear-model-1-values.yaml\n" in ran.out
    manifest = open_bundle(Path("models/linear-model/1")).manifest
    assert (manifest.model.format, manifest.task) == ("onnx", "tensors")
    assert "drawn at random" in manifest.description
    values = yaml.safe_load(Path("linear-model-1-values.yaml").read_text())
    assert values["fullnameOverride"] == "linear-model"
    assert values["image"] == {"repository": "plimsoll", "tag": "onnx"}
    assert values["model"] == {
        "name": "linear-model", "version": "1", "source": "configMap", "configMap": {"name": "linear-model-1"},
    }  # fmt: skip
    assert len(json.loads(Path("linear-model-1-request.json").read_text())["inputs"]["x"]) == 4
    assert "\n  plimsoll serve --models models\n" in ran.out
    assert "\n  kubectl create configmap linear-model-1 --from-file=models/linear-model/1\n" in ran.out
    assert plimsoll("bundle", "verify", "models/linear-model/1").code == 0


def test_a_person_is_asked_and_the_next_version_is_offered(graph: Path, plimsoll: RunPlimsoll) -> None:
    assert plimsoll("init", str(graph), "--no-ask", "--name", "three").code == 0
    ran = plimsoll("init", str(graph), "--ask", stdin='three\n\n["a", "b", "c"]\n')
    assert ran.code == 0, ran.err
    assert "Version [2]:" in ran.out
    manifest = open_bundle(Path("models/three/2")).manifest
    assert (manifest.task, manifest.signature.outputs[0].labels) == ("tabular-classification", ["a", "b", "c"])
    assert len(json.loads(Path("three-2-request.json").read_text())["features"]) == 4


def test_a_state_dict_needs_a_factory_and_example_rows_and_gets_an_image(weights: Path, plimsoll: RunPlimsoll) -> None:
    assert "give --factory" in plimsoll("init", str(weights), "--no-ask").complaint
    assert "give --example" in plimsoll("init", str(weights), "--no-ask", "--factory", FACTORY).complaint
    options = ("--factory", FACTORY, "--parameters", json.dumps(PARAMETERS), "--example", "rows.npy")
    ran = plimsoll("init", str(weights), "--no-ask", "--name", "mlp", "--labels", '["a", "b", "c"]', *options)
    assert ran.code == 0, ran.err
    dockerfile = Path("mlp-1.Dockerfile").read_text()
    assert "ARG PLIMSOLL_IMAGE=plimsoll:cpu\n" in dockerfile
    assert f"# Install the package plimsoll here.\nENV PLIMSOLL_FACTORIES={FACTORY}\n" in dockerfile
    assert yaml.safe_load(Path("mlp-1-values.yaml").read_text())["image"] == {"repository": "mlp", "tag": "1"}
    assert f"PLIMSOLL_FACTORIES={FACTORY} plimsoll serve" in ran.out
    assert "docker build --file mlp-1.Dockerfile --tag mlp:1 ." in ran.out


def test_nothing_is_left_where_a_check_fails_or_a_file_is_in_the_way(graph: Path, plimsoll: RunPlimsoll) -> None:
    Path("taken-1-values.yaml").write_text("mine")
    ran = plimsoll("init", str(graph), "--no-ask", "--name", "taken")
    assert ran.code == 2
    assert "taken-1-values.yaml exists already; remove it, or choose another --version" in ran.err
    assert Path("taken-1-values.yaml").read_text() == "mine"
    assert not Path("models/taken/1").exists()
    assert not Path("taken-1-request.json").exists()


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("model.pkl", "'model.pkl' is none of these: an ONNX file, a state dict (.safetensors, .pt, .pth, .bin) or a"),
        ("model", "the folder 'model' has no config.json"),
    ],
)
def test_other_files_are_refused_with_the_next_step(file: str, words: str, plimsoll: RunPlimsoll) -> None:
    if "." in file:
        Path(file).write_bytes(b"x")
    else:
        Path(file).mkdir()
    ran = plimsoll("init", file, "--no-ask")
    assert ran.code == 2
    assert words in ran.complaint
    assert not Path("models").exists()


def test_a_graph_of_whole_numbers_asks_for_the_largest(plimsoll: RunPlimsoll) -> None:

    model = graph_model(
        [helper.make_node("Cast", ["ids"], ["y"], to=TensorProto.FLOAT)],
        inputs=[value("ids", TensorProto.INT64, ("batch", 4))],
    )
    Path("ids.onnx").write_bytes(model.SerializeToString())
    assert "give --maximum ids=NUMBER" in plimsoll("init", "ids.onnx", "--no-ask").complaint
    ran = plimsoll("init", "ids.onnx", "--ask", "--name", "ids", "--labels", "", stdin="9\n\n")
    assert ran.code == 0, ran.err
    assert open_bundle(Path("models/ids/1")).manifest.signature.inputs[0].maximum == 9


def test_a_folder_of_hugging_face_needs_packages_that_are_named(
    plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bert").mkdir()
    Path("bert", "config.json").write_text("{}")
    monkeypatch.setattr(
        "plimsoll.bundle.installed_packages.find_spec",
        lambda name: None if name == "transformers" else "installed",
    )
    ran = plimsoll("init", "bert", "--no-ask")
    assert ran.code == 2
    assert "needs transformers, which is not installed here; pip install 'plimsoll[hf,onnx]'" in ran.err


def test_the_checks_are_those_of_a_server_with_these_settings(
    plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("narrow.py").write_text(
        "import torch\nclass Narrow(torch.nn.Linear):\n"
        "    def forward(self, rows):\n        assert len(rows) <= 16\n        return super().forward(rows)\n"
    )
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("weights.safetensors").write_bytes(save(torch.nn.Linear(4, 3).state_dict()))
    np.save("rows.npy", np.random.default_rng(0).random((5, 4), np.float32))
    options = ("--factory=narrow:Narrow", "--example=rows.npy", "--labels=", "--no-ask")
    words = ("init", "weights.safetensors", '--parameters={"in_features": 4, "out_features": 3}', *options)
    monkeypatch.setenv("PLIMSOLL_MAX_BATCH_ROWS", "32")
    assert "the model fails in a batch of 32 rows" in plimsoll(*words).err
    assert not Path("models").exists() or not any(Path("models").iterdir())
    monkeypatch.setenv("PLIMSOLL_MAX_BATCH_ROWS", "16")
    ran = plimsoll(*words)
    assert ran.code == 0, ran.err
    path = "PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PLIMSOLL_FACTORIES=narrow:Narrow"
    assert f"\n  {path} plimsoll serve --models models\n" in ran.out


def test_checks_without_end_are_ended(plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch) -> None:
    body = [
        helper.make_node("Abs", ["x"], ["size"]),
        helper.make_node("ReduceMax", ["size"], ["most"], keepdims=0),
        helper.make_node("Constant", [], ["far"], value=tensor("", np.float32(100))),
        helper.make_node("Greater", ["most", "far"], ["on"]),  # as in a row of 1000 times the golden range
        helper.make_node("Add", ["v", "v"], ["w"]),
    ]
    Path("loop.onnx").write_bytes(with_loop(body).SerializeToString())
    monkeypatch.setenv("PLIMSOLL_START_SECONDS", "0.5")
    ran = plimsoll("init", "loop.onnx", "--no-ask")
    assert ran.code == 2
    assert "its checks were not done after 0.5 s (PLIMSOLL_START_SECONDS), and the run of the model" in ran.err
    assert not Path("models").exists() or not any(Path("models").iterdir())
    monkeypatch.setenv("PLIMSOLL_START_SECONDS", "60")


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (("--minimum=5", "--maximum=3"), "the minimum of input 'ids', 5, lies above its maximum, 3"),
        (("--maximum=1e30",), "it holds -9223372036854775808 to 9223372036854775807"),
        (("--maximum=nan",), "'nan' is not a finite number"),
        (("--minimum=0.2", "--maximum=0.8"), "no INT64 of input 'ids' lies from 0.2 to 0.8"),
    ],
)
def test_bounds_between_which_nothing_lies_are_refused(
    bounds: tuple[str, ...], words: str, plimsoll: RunPlimsoll
) -> None:
    cast = helper.make_node("Cast", ["ids"], ["y"], to=TensorProto.FLOAT)
    model = graph_model([cast], inputs=[value("ids", TensorProto.INT64, ("batch", 4))])
    Path("ids.onnx").write_bytes(model.SerializeToString())
    ran = plimsoll("init", "ids.onnx", "--no-ask", *bounds)
    assert ran.code == 2
    assert words in ran.complaint
    assert not Path("models").exists()


def test_a_graph_of_one_number_a_row_is_served(plimsoll: RunPlimsoll) -> None:
    row = [value("x", shape=("batch",))]
    model = graph_model([helper.make_node("Relu", ["x"], ["y"])], inputs=row, outputs=[value("y", shape=("batch",))])
    Path("one.onnx").write_bytes(model.SerializeToString())
    ran = plimsoll("init", "one.onnx", "--no-ask")
    assert ran.code == 0, ran.err
    assert isinstance(json.loads(Path("one-1-request.json").read_text())["inputs"]["x"], float)


def test_one_output_of_several_is_chosen_by_its_name(plimsoll: RunPlimsoll) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["kept"]), helper.make_node("Neg", ["x"], ["other"])]
    model = graph_model(nodes, outputs=[value("kept"), value("other")])
    Path("two.onnx").write_bytes(model.SerializeToString())
    ran = plimsoll("init", "two.onnx", "--no-ask", "--output-name", "kept", "--labels", '["a", "b", "c", "d"]')
    assert ran.code == 0, ran.err
    assert [each.name for each in open_bundle(Path("models/two/1")).manifest.signature.outputs] == ["kept"]


def test_a_graph_without_the_shape_of_an_input_needs_an_example(plimsoll: RunPlimsoll) -> None:
    model = graph_model([helper.make_node("Relu", ["x"], ["y"])], inputs=[value("x", shape=None)])
    Path("any.onnx").write_bytes(model.SerializeToString())
    assert "give --example x=FILE.npy" in plimsoll("init", "any.onnx", "--no-ask").complaint


def test_the_next_version_comes_after_all_that_are_there(graph: Path, plimsoll: RunPlimsoll) -> None:
    Path("models/dots/3.1").mkdir(parents=True)
    assert plimsoll("init", str(graph), "--no-ask", "--name", "dots").code == 0
    assert Path("models/dots/4/manifest.json").exists()


def test_an_image_has_this_version_alone_and_is_built_from_the_current_folder(
    weights: Path, plimsoll: RunPlimsoll, tmp_path: Path
) -> None:
    options = ("--factory", FACTORY, "--parameters", json.dumps(PARAMETERS), "--example", "rows.npy", "--name=mlp")
    here = str(Path("my models").absolute())
    assert plimsoll("init", str(weights), "--no-ask", *options, "--models", here).code == 0
    assert 'COPY ["my models/mlp/1", "/models/mlp/1"]\n' in Path("mlp-1.Dockerfile").read_text()
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    ran = plimsoll("init", str(weights), "--no-ask", *options, "--models", str(outside), "--version", "2")
    assert ran.code == 2
    assert "--models lies outside of it" in ran.err
    assert not (outside / "mlp").exists()
