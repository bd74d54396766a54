"""ONNX files made with `onnx.helper`: good ones, odd ones and hostile ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
OPSET = 18
IR_VERSION = 9


def value(name: str, datatype: int = FLOAT, shape: Sequence[int | str | None] | None = ("batch", 4)) -> ValueInfoProto:
    """An input or an output; `None` for a shape that is not known."""
    return helper.make_tensor_value_info(name, datatype, shape)


def tensor(name: str, array: Any) -> TensorProto:
    """An initialiser."""
    return numpy_helper.from_array(np.asarray(array), name)


def graph_model(
    nodes: Sequence[NodeProto],
    *,
    inputs: Sequence[ValueInfoProto] | None = None,
    outputs: Sequence[ValueInfoProto] | None = None,
    initialisers: Sequence[TensorProto] = (),
    opset: int = OPSET,
    **further: Any,
) -> ModelProto:
    """A model from `x` to `y`, both FP32 of shape [batch, 4] unless said otherwise."""
    graph = helper.make_graph(
        nodes, "graph", list(inputs or [value("x")]), list(outputs or [value("y")]), list(initialisers)
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, **{"opset_imports": opsets, "ir_version": IR_VERSION} | further)


def relu(**changes: Any) -> ModelProto:
    """The plainest model."""
    return graph_model([helper.make_node("Relu", ["x"], ["y"])], **changes)


def linear() -> ModelProto:
    """A classifier of 4 numbers into 3 classes, with 15 learned numbers."""
    random = np.random.default_rng(0)
    return graph_model(
        [helper.make_node("Gemm", ["x", "w", "b"], ["z"]), helper.make_node("Softmax", ["z"], ["y"])],
        outputs=[value("y", shape=("batch", 3))],
        initialisers=[
            tensor("w", random.random((4, 3), np.float32)),
            tensor("b", random.random(3, np.float32)),
        ],
    )


def with_external_data(location: str, *, in_constant: bool = False) -> ModelProto:
    """A model that adds four numbers which lie in another file."""
    outside = TensorProto(name="outside", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value=location)
    add = helper.make_node("Add", ["x", "outside"], ["y"])
    if in_constant:
        return graph_model([helper.make_node("Constant", [], ["outside"], value=outside), add])
    return graph_model([add], initialisers=[outside])


def with_branches() -> ModelProto:
    """A graph with other graphs in it, whose operators and weights stand nowhere else."""
    then = helper.make_graph(
        [helper.make_node("Mul", ["x", "inner"], ["t"])],
        "then",
        [],
        [value("t")],
        [tensor("inner", np.ones(4, np.float32))],
    )
    other = helper.make_graph(
        [
            helper.make_node("Constant", [], ["k"], value=tensor("", np.ones((2, 4), np.float32))),
            helper.make_node("Sub", ["x", "x"], ["e"]),
        ],
        "else", [], [value("e")],
    )  # fmt: skip
    choose = helper.make_node("If", ["yes"], ["y"], then_branch=then, else_branch=other)
    return graph_model([choose], initialisers=[tensor("yes", np.True_)])


def with_function() -> ModelProto:
    """A graph that calls a function of the file's own domain, which holds a constant and an operator of ONNX-ML."""
    body = [
        helper.make_node("Constant", [], ["half"], value=tensor("", np.full(4, 0.5, np.float32))),
        helper.make_node("Scaler", ["a"], ["s"], domain="ai.onnx.ml", offset=[0.0], scale=[1.0]),
        helper.make_node("Mul", ["s", "half"], ["b"]),
    ]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("mine", 1)]
    function = helper.make_function("mine", "Halve", ["a"], ["b"], body, opsets)
    return graph_model(
        [helper.make_node("Halve", ["x"], ["y"], domain="mine")], functions=[function], opset_imports=opsets
    )


def with_loop(
    body: Sequence[NodeProto], *, steps: int | None = None, body_outputs: Sequence[str] = ("on", "w")
) -> ModelProto:
    """A model that adds to its input what a loop makes of 1; the loop never ends unless `steps` are given.

    Its body takes `step`, `c` (true) and `v`, and can use `true` and `zero` of the outer graph.
    """
    inner = helper.make_graph(
        body,
        "body",
        [value("step", INT64, []), value("c", BOOL, []), value("v", FLOAT, None)],
        [value(body_outputs[0], BOOL, []), value(body_outputs[1], FLOAT, None)],
    )
    return graph_model(
        [
            helper.make_node("Loop", ["steps" if steps else "", "true", "one"], ["sum"], body=inner),
            helper.make_node("Add", ["x", "sum"], ["y"]),
        ],
        initialisers=[
            tensor("true", np.True_),
            tensor("one", np.float32(1)),
            *([tensor("steps", np.int64(steps))] if steps else []),
        ],
    )


def endless() -> ModelProto:
    """A loop that doubles a number for ever."""
    return with_loop([helper.make_node("Identity", ["c"], ["on"]), helper.make_node("Add", ["v", "v"], ["w"])])


def folded_loop() -> ModelProto:
    """A loop whose body computes nothing once its constants are folded: ONNX Runtime could not end it."""
    return with_loop([helper.make_node("And", ["true", "true"], ["on"])], body_outputs=("on", "v"))


def loop_of_one(node: NodeProto) -> ModelProto:
    """An endless loop whose body has one operator, of `v`, `true` and `one`; nobody uses its output."""
    return with_loop([node], body_outputs=("c", "v"))


def endless_scan(body: Sequence[NodeProto] = (), body_output: str = "v") -> ModelProto:
    """A model with a scan over 2^40 empty rows, which need no memory; its body takes the state `v` and a `row`."""
    inner = helper.make_graph(
        body, "body", [value("v", FLOAT, [1]), value("row", FLOAT, [0])], [value(body_output, FLOAT, [1])]
    )
    return graph_model(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["rows"]),
            helper.make_node("Scan", ["one", "rows"], ["sum"], body=inner, num_scan_inputs=1),
            helper.make_node("Add", ["x", "sum"], ["y"]),
        ],
        initialisers=[tensor("shape", np.array([1 << 40, 0])), tensor("one", np.ones(1, np.float32))],
    )


def idle_loop() -> ModelProto:
    """A loop whose body computes nothing."""
    constant = helper.make_node("Constant", [], ["on"], value=tensor("", np.True_))
    return with_loop([constant], body_outputs=("on", "v"))
