from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper
from plimsoll.bundle import installed_packages
from plimsoll.bundle.folder import open_bundle
from safetensors.numpy import save_file

from tests.doubles.onnx_bundles import ROWS
from tests.doubles.onnx_graphs import graph_model, linear, relu, value, with_external_data
from tests.unit.cli.conftest import Ran, RunPlimsoll

NODE = helper.make_node


def total() -> ModelProto:
    """Gives one number for all rows."""
    return graph_model([NODE("ReduceSum", ["x"], ["y"], keepdims=0)], outputs=[value("y", shape=[])])


class Maker:
    """Runs `plimsoll bundle create --onnx` on a graph."""

    def __init__(self, plimsoll: RunPlimsoll) -> None:
        self._plimsoll = plimsoll
        np.save("x.npy", ROWS)

    def create(self, model: ModelProto | bytes, *further: str, example: str = "x.npy") -> Ran:
        content = model if isinstance(model, bytes) else model.SerializeToString()
        Path("graph.onnx").write_bytes(content)
        words = ["--name", "graph", "--version", "1", "--onnx", "graph.onnx", "--example", example, *further]
        return self._plimsoll("bundle", "create", *words)


@pytest.fixture
def maker(plimsoll: RunPlimsoll) -> Maker:
    return Maker(plimsoll)


def tensors_of(side: str) -> list[dict[str, Any]]:
    fields: dict[str, Any] = json.loads(Path("models/graph/1/manifest.json").read_bytes())
    return list(fields["signature"][side])


def test_a_bundle_is_made_of_a_graph_and_verified(maker: Maker, plimsoll: RunPlimsoll) -> None:
    made = maker.create(linear(), "--labels", '["a", "b", "c"]', "--minimum", "0", "--maximum", "1")
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith("models/graph/1: graph 1, digest ")
    assert tensors_of("inputs") == [{"name": "x", "datatype": "FP32", "shape": [-1, 4], "minimum": 0, "maximum": 1}]
    assert tensors_of("outputs") == [{"name": "y", "datatype": "FP32", "shape": [-1, 3], "labels": ["a", "b", "c"]}]
    assert open_bundle(Path("models/graph/1")).manifest.task == "tabular-classification"
    verified = plimsoll("bundle", "verify", "models/graph/1")
    assert (verified.code, verified.err) == (0, "")
    assert "15 parameters on cpu" in verified.out


def test_several_inputs_and_outputs_have_the_names_and_the_order_of_the_graph(
    maker: Maker, plimsoll: RunPlimsoll
) -> None:
    model = graph_model(
        [NODE("Add", ["x", "shift"], ["sum"]), NODE("Sub", ["x", "shift"], ["difference"])],
        inputs=[value("x"), value("shift", shape=("batch", 1))],
        outputs=[value("sum"), value("difference")],
    )
    save_file({"shift": np.ones((5, 1), np.float32), "x": ROWS}, "both.safetensors")
    assert maker.create(model, example="both.safetensors").code == 0
    assert [each["name"] for each in tensors_of("inputs")] == ["x", "shift"]
    assert [each["name"] for each in tensors_of("outputs")] == ["sum", "difference"]
    assert plimsoll("bundle", "verify", "models/graph/1").code == 0


def test_one_output_of_several_can_be_served(maker: Maker) -> None:
    model = graph_model([NODE("Relu", ["x"], ["y"]), NODE("Neg", ["x"], ["z"])], outputs=[value("y"), value("z")])
    assert maker.create(model, "--output-name", "z").code == 0
    assert [each["name"] for each in tensors_of("outputs")] == ["z"]


def test_dimensions_that_the_graph_leaves_open_are_open_in_the_bundle(maker: Maker, plimsoll: RunPlimsoll) -> None:
    words = value("words", TensorProto.INT64, ("batch", "length"))
    model = graph_model(
        [
            NODE("Cast", ["words"], ["each"], to=TensorProto.FLOAT),
            NODE("ReduceMean", ["each", "axis"], ["mean"], keepdims=1),
        ],
        inputs=[words],
        outputs=[value("each", shape=("batch", "length")), value("mean", shape=("batch", "one"))],
        initialisers=[helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    )  # fmt: skip
    np.save("x.npy", np.arange(12).reshape(3, 4))
    made = maker.create(model)
    assert made.code == 0
    assert "'words' has rows of any length in dimension 1" in made.complaint
    assert tensors_of("inputs") == [{"name": "words", "datatype": "INT64", "shape": [-1, -1]}]
    assert [each["shape"] for each in tensors_of("outputs")] == [[-1, -1], [-1, 1]]
    assert plimsoll("bundle", "verify", "models/graph/1").code == 0


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (with_external_data("/etc/passwd"), "of tensor 'outside' are in another file, which graph.onnx names"),
        (relu(opset=99), "graph.onnx imports opset 99 of the domain 'ai.onnx'"),
        (relu(inputs=[value("x", shape=(5, 4))]), "the first dimension of input 'x' is fixed to 5 in the graph"),
        (graph_model([NODE("Relu", ["x:0"], ["y"])], inputs=[value("x:0")]), "no tensor of a signature can have that"),
        (graph_model([NODE("Frobnicate", ["x"], ["y"])]), "uses the operator 'Frobnicate', which is not in opset 18"),
        (total(), "its first dimension should be the rows"),
        (b"\x80\x04pickled", "graph.onnx is not an ONNX file"),
        (b"", "graph.onnx is not an ONNX file: it holds no graph"),
    ],
    ids=["external data", "opset", "fixed batch", "name", "operator", "no batch", "pickle", "empty"],
)  # fmt: skip
def test_a_graph_that_cannot_be_served_makes_no_bundle(maker: Maker, model: ModelProto | bytes, sentence: str) -> None:
    ran = maker.create(model)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.complaint
    assert "Traceback" not in ran.err
    assert not Path("models").exists()


@pytest.mark.parametrize(
    ("further", "sentence"),
    [
        (["--factory", "a:b"], "--onnx names a whole model, and --factory is for one of torch; give only one"),
        (["--architecture", "digits-mlp"], "--onnx names a whole model, and --architecture is for one of torch"),
        (["--weights", "x.npy"], "--onnx names a whole model, and --weights is for one of torch"),
        (["--output-name", "z"], "the graph has no output 'z'; it has y"),
        (["--input-name", "z"], "the inputs of the model are 'x', and the example has 'z'"),
        (["--labels", '["a"]'], "the model gives 4 scores a row, and --labels names 1 classes"),
    ],
)
def test_options_that_do_not_fit_a_graph_are_refused(maker: Maker, further: list[str], sentence: str) -> None:
    ran = maker.create(relu(), *further)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.complaint


def test_an_example_of_another_datatype_is_refused_with_the_one_to_save(maker: Maker) -> None:
    np.save("x.npy", ROWS.astype(np.float64))
    assert "save example.astype(numpy.float32)" in maker.create(relu()).complaint


def test_an_example_of_bfloat16_is_refused(maker: Maker) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    save_torch({"x": torch.ones(2, 4, dtype=torch.bfloat16)}, "halves.safetensors")
    ran = maker.create(relu(), example="halves.safetensors")
    assert "--example of 'x' is bfloat16, which ONNX Runtime takes from no client" in ran.complaint


def test_a_command_without_a_model_says_what_to_give(plimsoll: RunPlimsoll) -> None:
    np.save("x.npy", ROWS)
    ran = plimsoll("bundle", "create", "--name", "a", "--version", "1", "--example", "x.npy")
    assert (ran.code, ran.out) == (2, "")
    assert "give --onnx, or --weights with --architecture or --factory" in ran.complaint


def test_a_file_of_more_than_two_gibibytes_is_not_read(plimsoll: RunPlimsoll) -> None:
    np.save("x.npy", ROWS)
    Path("long.onnx").touch()
    os.truncate("long.onnx", 1 << 31)
    ran = plimsoll("bundle", "create", "--name", "a", "--version", "1", "--example", "x.npy", "--onnx", "long.onnx")
    assert "--onnx long.onnx has 2147483648 bytes, and an ONNX file at most 2147483647" in ran.complaint


@pytest.mark.parametrize(("package", "extra"), [("onnxruntime", "onnx"), ("torch", "torch")])
def test_a_missing_runtime_is_named(
    maker: Maker, plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    monkeypatch.setattr(installed_packages, "find_spec", lambda name: None if name == package else find_spec(name))
    ran = maker.create(relu())
    if package == "torch":
        assert ran.code == 0, "a graph needs no torch"
        ran = plimsoll(
            "bundle", "create", "--name", "a", "--version", "1", "--example", "x.npy", "--weights", "x.npy",
            "--architecture", "digits-mlp",
        )  # fmt: skip
    assert ran.code == 2
    assert f"which is not installed here; pip install 'plimsoll[{extra}]'" in ran.complaint
