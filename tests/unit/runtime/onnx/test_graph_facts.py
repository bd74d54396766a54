from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, SparseTensorProto, TensorProto, helper, numpy_helper
from plimsoll.errors import BundleError
from plimsoll.runtime.onnx.graph_facts import GraphFacts, read_facts

from tests.doubles import onnx_reference
from tests.doubles.onnx_graphs import (
    BOOL,
    FLOAT,
    endless,
    endless_scan,
    folded_loop,
    graph_model,
    idle_loop,
    linear,
    relu,
    tensor,
    value,
    with_branches,
    with_external_data,
    with_function,
    with_loop,
)  # fmt: skip

FILE = "model.onnx"
NODE = helper.make_node


def facts_of(model: ModelProto) -> GraphFacts:
    return read_facts(model.SerializeToString(), FILE)


def check_of(content: bytes) -> str:
    """The check that refuses a file; empty if it can be read. Any other error ends the test."""
    try:
        read_facts(content, FILE)
    except BundleError as error:
        return error.check
    return ""


def with_sparse_weights() -> ModelProto:
    values = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    indices = helper.make_tensor("at", TensorProto.INT64, [2], [0, 5])
    sparse: SparseTensorProto = helper.make_sparse_tensor(values, indices, [4, 4])
    model = graph_model([NODE("MatMul", ["x", "w"], ["y"])])
    model.graph.sparse_initializer.append(sparse)
    return model


def quantised() -> ModelProto:
    weights = [tensor("w", np.ones((4, 4), np.int8)), tensor("s", np.float32(0.1)), tensor("z", np.int8(0))]
    return graph_model(
        [NODE("DequantizeLinear", ["w", "s", "z"], ["d"]), NODE("MatMul", ["x", "d"], ["y"])], initialisers=weights
    )


def reshaping() -> ModelProto:
    return graph_model([NODE("Reshape", ["x", "s"], ["y"])], initialisers=[tensor("s", np.array([-1, 4]))])


@functools.cache
def digits(version: str) -> ModelProto:
    """A digits model as torch exports it."""
    from onnx import load_model_from_string

    from tests.doubles.onnx_digits import exported_digits

    return load_model_from_string(exported_digits(version))


MODELS: dict[str, Callable[[], ModelProto]] = {
    "relu": relu, "linear": linear, "branches": with_branches, "function": with_function, "sparse": with_sparse_weights,
    "quantised": quantised, "reshaping": reshaping, "endless": endless, "idle": idle_loop, "folded": folded_loop,
    "external": lambda: with_external_data("w.bin"),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_facts_are_those_that_the_onnx_package_finds(name: str) -> None:
    model = MODELS[name]()
    facts = facts_of(model)
    assert facts.operators == onnx_reference.operators_of(model)
    assert facts.opsets == onnx_reference.opsets_of(model)
    assert facts.functions == onnx_reference.functions_of(model)
    assert facts.parameters == onnx_reference.parameters_of(model)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("relu", 0),
        ("linear", 15),
        ("branches", 12),
        ("function", 4),
        ("sparse", 2),
        ("quantised", 16),
        ("reshaping", 0),
    ],
)
def test_learned_numbers_are_counted_and_shapes_are_not(name: str, parameters: int) -> None:
    assert facts_of(MODELS[name]()).parameters == parameters


def test_a_tensor_of_impossible_size_ends_the_count() -> None:
    huge = TensorProto(name="w", data_type=FLOAT, dims=[(1 << 62)] * 10_000)
    assert facts_of(graph_model([NODE("Add", ["x", "w"], ["y"])], initialisers=[huge])).parameters == (1 << 63) - 1


@pytest.mark.parametrize("in_constant", [False, True])
def test_numbers_in_another_file_are_seen(in_constant: bool) -> None:
    assert facts_of(with_external_data("/etc/passwd", in_constant=in_constant)).external == "outside"


@pytest.mark.parametrize("place", ["location alone", "data alone", "in a branch", "sparse", "without a name"])
def test_numbers_in_another_file_are_seen_wherever_they_are_named(place: str) -> None:
    model = {"in a branch": with_branches, "sparse": with_sparse_weights}.get(place, linear)()
    graph = model.graph
    if place == "in a branch":
        graph = next(each.g for each in graph.node[0].attribute if each.g.initializer)
    tensor_there = graph.sparse_initializer[0].values if place == "sparse" else graph.initializer[0]
    if place == "without a name":
        tensor_there.name = ""
    if place != "data alone":
        tensor_there.data_location = TensorProto.EXTERNAL
    else:
        tensor_there.external_data.add(key="location", value="/etc/passwd")
    assert facts_of(model).external == (tensor_there.name or "without a name")


@pytest.mark.parametrize(
    ("model", "has_loop", "idle"),
    [
        (linear, False, False),
        (endless, True, False),
        (folded_loop, True, False),
        (idle_loop, True, True),
        (endless_scan, True, True),
    ],
)
def test_a_loop_that_computes_nothing_is_seen(model: Callable[[], ModelProto], has_loop: bool, idle: bool) -> None:
    facts = facts_of(model())
    assert (facts.has_loop, facts.idle_loop) == (has_loop, idle)


def test_a_loop_in_a_loop_is_seen_as_well() -> None:
    inner = idle_loop().graph.node[0]
    inner.output[0] = "w"
    outer = with_loop([NODE("Identity", ["c"], ["on"]), inner])
    assert facts_of(outer).idle_loop


@pytest.mark.parametrize(
    ("nodes", "rounding"),
    [
        ([NODE("Relu", ["x"], ["y"])], 2.0**-23),
        ([NODE("Cast", ["x"], ["h"], to=TensorProto.FLOAT16), NODE("Cast", ["h"], ["y"], to=FLOAT)], 2.0**-10),
        ([NODE("Cast", ["x"], ["h"], to=TensorProto.BFLOAT16), NODE("Cast", ["h"], ["y"], to=FLOAT)], 2.0**-7),
        ([NODE("Cast", ["x"], ["h"], to=TensorProto.UINT8), NODE("Cast", ["h"], ["y"], to=FLOAT)], 2.0**-7),
        ([NODE("Cast", ["x"], ["h"], to=BOOL), NODE("Cast", ["h"], ["y"], to=FLOAT)], 2.0**-23),
        ([NODE("Round", ["x"], ["y"])], 2.0**-7),
        (
            [
                NODE("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
                NODE("DequantizeLinear", ["q", "s", "z"], ["y"]),
            ],
            2.0**-7,
        ),
    ],
    ids=["float32", "float16", "bfloat16", "uint8", "bool", "round", "quantised"],
)  # fmt: skip
def test_the_coarsest_rounding_is_that_of_datatypes_and_operators(nodes: list[object], rounding: float) -> None:
    assert facts_of(graph_model(nodes)).coarsest_rounding == rounding  # type: ignore[arg-type]


def test_bytes_of_eight_bits_that_are_not_rounded_to_cost_no_precision() -> None:
    model = graph_model([NODE("Cast", ["x"], ["y"], to=FLOAT)], inputs=[value("x", TensorProto.UINT8)])
    assert facts_of(model).coarsest_rounding == 2.0**-23


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "model.onnx is not an ONNX file: it holds no graph"),
        (b"\x08\x09", "it holds no graph"),
        (b"not an ONNX file", "model.onnx is not an ONNX file that can be read: "),
        (b"\x80\x04\x95pickled", "is not an ONNX file that can be read"),
        (b"PK\x03\x04", "is not an ONNX file that can be read"),
    ],
)
def test_other_files_are_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence) as caught:
        read_facts(content, FILE)
    assert caught.value.check == "format"


def test_graphs_nested_too_deeply_are_refused() -> None:
    graph = helper.make_graph([NODE("Relu", ["x"], ["t"])], "leaf", [], [value("t")])
    content = graph.SerializeToString()
    for _ in range(40):  # by hand, since the onnx package itself goes no deeper
        for field in (6, 5, 1):  # g of an attribute, attribute of a node, node of a graph
            content = bytes([field << 3 | 2]) + length(content) + content
    with pytest.raises(BundleError, match="its graphs are nested too deeply"):
        read_facts(b"\x3a" + length(content) + content, FILE)


def length(content: bytes) -> bytes:
    size, written = len(content), bytearray()
    while size >= 0x80:
        written.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*written, size])


def test_more_names_of_operators_than_any_model_has_are_refused() -> None:
    nodes = [NODE(f"Operator{index}", ["x"], ["y"]) for index in range((1 << 16) + 1)]
    with pytest.raises(BundleError, match="more than 65536 names of operators or functions"):
        facts_of(graph_model(nodes))


@pytest.mark.parametrize("name", MODELS)
def test_a_file_cut_short_anywhere_is_read_or_refused(name: str) -> None:
    content = MODELS[name]().SerializeToString()
    checks = [check_of(content[:end]) for end in range(len(content))]
    assert set(checks) <= {"", "format"}
    assert checks.count("format") > len(content) / 2


@given(st.sampled_from(list(MODELS)), st.data())
@settings(max_examples=300)
def test_a_file_with_any_bytes_changed_is_read_or_refused(name: str, data: st.DataObject) -> None:
    content = bytearray(MODELS[name]().SerializeToString())
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)):
        content[at] = byte
    assert check_of(bytes(content)) in ("", "format")


def test_random_bytes_are_refused() -> None:
    for size in (1, 100, 100_000):
        with pytest.raises(BundleError):
            read_facts(np.random.default_rng(size).bytes(size) + b"\x07", FILE)


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_facts_of_the_digits_models_are_those_that_the_onnx_package_finds(version: str) -> None:
    model = digits(version)
    facts = facts_of(model)
    assert facts.operators == onnx_reference.operators_of(model)
    assert facts.parameters == onnx_reference.parameters_of(model) == {"1": 235146, "2": 20490}[version]
    assert (facts.producer, facts.external) == ("pytorch", "")


def test_bytes_of_a_weight_are_not_read_as_fields() -> None:
    before = facts_of(linear())
    model = linear()
    noise = numpy_helper.from_array(np.frombuffer(np.random.default_rng(7).bytes(48), np.float32).reshape(4, 3), "w")
    model.graph.initializer[0].CopyFrom(noise)
    assert facts_of(model) == before
