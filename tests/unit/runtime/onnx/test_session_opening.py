from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, helper
from plimsoll.errors import BundleError, DeviceError
from plimsoll.runtime.onnx.graph_facts import read_facts
from plimsoll.runtime.onnx.session_opening import open_session, session_options

from tests.doubles.onnx_graphs import (
    FLOAT,
    endless,
    endless_scan,
    folded_loop,
    graph_model,
    linear,
    loop_of_one,
    relu,
    tensor,
    value,
    with_external_data,
)  # fmt: skip

FILE = "model.onnx"
REPOSITORY = Path(__file__).parents[4]
NODE = helper.make_node
ENDLESS: dict[str, ModelProto] = {
    "endless": endless(),
    "folded": folded_loop(),
    "Identity": loop_of_one(NODE("Identity", ["v"], ["unused"])),
    "Dropout": loop_of_one(NODE("Dropout", ["v"], ["unused"])),
    "Cast": loop_of_one(NODE("Cast", ["v"], ["unused"], to=FLOAT)),
    "Add": loop_of_one(NODE("Add", ["v", "zero"], ["unused"])),
    "Abs": loop_of_one(NODE("Abs", ["v"], ["unused"])),
    "scan": endless_scan([NODE("Identity", ["v"], ["w"])], "w"),
}
"""Loops of which optimisers leave a body without any operator, and others."""
ENDLESS["Add"].graph.initializer.append(helper.make_tensor("zero", FLOAT, [], [0.0]))


def opened(model: ModelProto) -> onnxruntime.InferenceSession:
    return open_session(model.SerializeToString(), FILE).session


def test_a_graph_is_opened_and_computes() -> None:
    session, facts = open_session(relu().SerializeToString(), FILE)
    (given,) = session.run(None, {"x": np.array([[-1, 0, 1, 2]], np.float32)})
    assert given.tolist() == [[0, 0, 1, 2]]
    assert facts.operators == {("", "Relu")}


@pytest.mark.parametrize(
    ("provider", "fused"), [("CPUExecutionProvider", set()), ("CUDAExecutionProvider", {"SkipLayerNormalization"})]
)
def test_a_sum_is_not_joined_with_its_norm_on_a_cpu(provider: str, fused: set[str], tmp_path: Path) -> None:
    """ONNX Runtime computes the joined operator more slowly there: docs/performance.md."""
    shape = ("batch", 3, 4)
    ones = [tensor(name, np.ones(4, np.float32)) for name in ("scale", "shift")]
    nodes = [
        NODE("Relu", ["x"], ["r"]),
        NODE("Add", ["x", "r"], ["sum"]),
        NODE("LayerNormalization", ["sum", "scale", "shift"], ["y"], axis=-1),
    ]
    model = graph_model(nodes, inputs=[value("x", shape=shape)], outputs=[value("y", shape=shape)], initialisers=ones)
    content, written = model.SerializeToString(), tmp_path / "optimised.onnx"
    options = session_options(read_facts(content, FILE), 1, provider)
    options.optimized_model_filepath = str(written)
    onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    optimised = {node.op_type for node in onnx.load(written).graph.node}
    assert optimised & {"SkipLayerNormalization", "BiasGelu"} == fused


def test_a_file_that_the_graph_names_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime itself would open it: bytes without a path are taken for a file of the working directory."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")  # to open it would wait for ever
    for in_constant in (False, True):
        with pytest.raises(BundleError, match="that file was not opened"):
            opened(with_external_data("pipe", in_constant=in_constant))
    Path("weights.bin").write_bytes(np.ones(4, np.float32).tobytes())
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    bare = onnxruntime.InferenceSession(with_external_data("weights.bin").SerializeToString(), options)
    assert bare.run(None, {"x": np.zeros((1, 4), np.float32)})[0].tolist() == [[1, 1, 1, 1]]


def test_the_own_format_of_onnx_runtime_is_refused_as_it_is_no_onnx(tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(relu().SerializeToString(), options)
    content = (tmp_path / "model.ort").read_bytes()
    assert content[4:8] == b"ORTM"
    with pytest.raises(BundleError, match=r"model.onnx is not an ONNX file"):
        open_session(content, FILE)


def test_a_file_that_looks_like_the_own_format_of_onnx_runtime_is_read_as_onnx() -> None:
    """Its first field is the name of its producer, whose text begins where the other format has its mark."""
    size = 1 << 14
    field = bytes([0x12, size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + b"ORTM" + b" " * (size - 4)
    content = field + relu().SerializeToString()
    assert content[4:8] == b"ORTM"
    with pytest.raises(Exception, match="ORT model verification failed"):
        onnxruntime.InferenceSession(content)
    session, _ = open_session(content, FILE)
    assert session.run(None, {"x": np.full((1, 4), -1, np.float32)})[0].tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("name", ENDLESS)
def test_a_loop_without_end_does_not_keep_a_session_from_opening_and_can_be_ended(name: str) -> None:
    session = opened(ENDLESS[name])
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    raised: list[str] = []

    def run() -> None:
        try:
            session.run(None, {"x": np.zeros((1, 4), np.float32)}, options)
        except Exception as error:  # ONNX Runtime's own
            raised.append(str(error))

    running = threading.Thread(target=run, daemon=True)  # a run that cannot be ended would keep pytest
    running.start()
    running.join(0.1)
    assert running.is_alive()
    options.terminate = True
    running.join(10)
    assert len(raised) == 1, "the run goes on"
    assert "terminate flag" in raised[0]


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            relu(opset=99),
            "model.onnx imports opset 99 of the domain 'ai.onnx', and ONNX Runtime VERSION knows it up to ",
        ),
        (
            graph_model(
                [helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.0], scale=[1.0])],
                opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 77)],
            ),
            "model.onnx imports opset 77 of the domain 'ai.onnx.ml', and ONNX Runtime VERSION knows it up to ",
        ),
        (relu(ir_version=99), "model.onnx is of IR version 99, and ONNX Runtime VERSION reads up to "),
        (
            graph_model([helper.make_node("Frobnicate", ["x"], ["y"])]),
            "model.onnx uses the operator 'Frobnicate', which is not in opset 18 of its domain; export",
        ),
        (relu(opset=5), "ONNX Runtime VERSION cannot compute the operator 'Relu' of version 1 with the datatypes"),
        (relu(opset_imports=[]), "model.onnx does not say which opset its operators are from"),
    ],
    ids=["opset", "opset of ML", "IR version", "operator", "old operator", "no opset"],
)
def test_a_graph_that_this_runtime_does_not_know_is_refused_with_what_it_knows(
    model: ModelProto, sentence: str
) -> None:
    with pytest.raises(BundleError) as caught:
        opened(model)
    assert caught.value.check == "format"
    assert caught.value.message.startswith(sentence.replace("VERSION", onnxruntime.__version__))
    assert "onnxruntime_src" not in caught.value.message


def test_any_other_fault_has_the_words_of_the_runtime_in_its_detail() -> None:
    broken = linear()
    broken.graph.node[0].input[0] = "nobody"
    with pytest.raises(BundleError) as caught:
        opened(broken)
    assert caught.value.check == "weights"
    assert (
        caught.value.message
        == f"ONNX Runtime {onnxruntime.__version__} cannot open model.onnx: it raised InvalidArgument"
    )
    assert "nobody" in caught.value.detail


def test_a_provider_that_is_not_there_is_no_cpu_in_silence() -> None:
    missing = [("CUDAExecutionProvider", {"device_id": 0}), ("CPUExecutionProvider", {})]
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has the provider")
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"), pytest.raises(DeviceError, match="cannot use its"):
        open_session(relu().SerializeToString(), FILE, providers=missing)


def test_a_refused_graph_writes_nothing_to_standard_error() -> None:
    code = (
        "import sys; from plimsoll.errors import BundleError\n"
        "from plimsoll.runtime.onnx.session_opening import open_session\n"
        "from tests.doubles.onnx_graphs import linear, relu\n"
        "broken = linear(); broken.graph.node[0].input[0] = 'nobody'\n"
        "for model in (broken, relu(opset=99)):\n"
        "    try: open_session(model.SerializeToString(), 'm')\n"
        "    except BundleError: print('refused')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=REPOSITORY
    )
    assert (ran.stdout, ran.stderr) == ("refused\nrefused\n", "")


def test_a_session_keeps_no_second_copy_of_the_file() -> None:
    content = linear().SerializeToString()
    before = sys.getrefcount(content)
    session, _ = open_session(content, FILE)
    assert session.get_inputs()[0].name == "x"
    assert sys.getrefcount(content) == before
