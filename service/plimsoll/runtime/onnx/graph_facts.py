"""Reads from an ONNX file what decides whether it may be run, before ONNX Runtime opens it.

Field numbers are those of onnx.proto (onnx/onnx, `ModelProto` and the messages in it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from typing import TypeVar

from plimsoll.errors import BundleError
from plimsoll.protobuf_fields import FieldReader, NotProtobuf
from plimsoll.runtime.onnx.graph_values import GraphValues, Node

_MOST_FIELDS = 1 << 25
"""Half a minute of reading. A graph of ten thousand nodes has half a million, a forest of a million nodes ten."""
_DEEPEST_MESSAGE = 96
"""A subgraph lies three messages deeper than its graph; protobuf itself goes no deeper than 100."""
_MOST_NAMES = 1 << 16
"""Different operators or functions of one file."""
_LONGEST_NAME = 256
_MOST_PARAMETERS = (1 << 63) - 1
_EIGHT_BITS = 2.0**-7
_Names = TypeVar("_Names", bound=Sized)
_FLOAT32_ROUNDING = 2.0**-23
_ROUNDING_OF_TYPES = {10: 2.0**-10, 16: 2.0**-7, 17: 2.0**-3, 18: 2.0**-3, 19: 2.0**-2, 20: 2.0**-2, 23: 0.5}
"""By `TensorProto.DataType`: FLOAT16, BFLOAT16, the four FLOAT8, and FLOAT4E2M1."""
_ROUNDING_CASTS = {2, 3, 21, 22, 25, 26}
"""Casts to UINT8 and INT8, and to whole numbers of four and two bits."""
_ROUNDING_OPERATORS = ("Quantize", "DynamicQuantize", "QLinear", "QGemm", "QAttention", "QMoE", "MatMulNBits", "Round")
_DATATYPE_ATTRIBUTES = ("to", "output_dtype")
"""Of the operators Cast and QuantizeLinear."""
_LEARNED_TYPES = {1, 11, *_ROUNDING_OF_TYPES, *_ROUNDING_CASTS}
_LOOPS = {("", "Loop"), ("", "Scan")}
"""A Scan may take any number of steps as well: a tensor of shape [1099511627776, 0] needs no memory."""
_STANDARD = ("", "ai.onnx")
"""Two names of one domain."""
OWN_DOMAINS = {"", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"}
"""Domains whose operators ONNX Runtime brings."""

_INNER: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "result", 13: "value", 15: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "value": {2: "type"},
    "result": {2: "type"},
    "type": {1: "tensor_type"},
}
"""The messages in each message, by field number."""
_TEXTS: Mapping[str, Mapping[int, str]] = {
    "model": {2: "producer", 3: "producer_version"},
    "opset": {1: "domain"},
    "function": {1: "name", 10: "domain"},
    "node": {4: "name", 7: "domain"},
    "attribute": {1: "name"},
    "tensor": {8: "name"},
    "value": {1: "name"},
    "result": {1: "name"},
}
"""The fields of text of each message that are read."""
_INTEGERS: Mapping[str, Mapping[int, str]] = {
    "opset": {2: "version"},
    "attribute": {3: "integer"},
    "tensor": {2: "data_type", 14: "data_location"},
    "tensor_type": {1: "elem_type"},
}
_VALUES: Mapping[str, Mapping[int, str]] = {
    "node": {1: "inputs", 2: "outputs"}, "function": {4: "inputs", 5: "results"}, "result": {1: "results"},
}  # fmt: skip
"""The fields with the names of values that an operator takes and gives, or that a function or a graph gives."""
_STEPS_AND_CONDITION = 2
"""The inputs of a Loop of which ONNX Runtime reads one number each, without looking whether they have one."""
_DIMENSIONS, _EXTERNAL_DATA = 1, 13
"""Fields of a tensor."""


@dataclass(slots=True)
class GraphFacts:
    """The parts of a graph.

    `opsets` holds the version of each domain that the file imports; `operators` every operator with its domain, those
    of subgraphs and functions among them. `parameters` is the number of learned numbers: those of initialisers and
    constants, floating-point or quantised, with at least one dimension.
    """

    opsets: dict[str, int] = field(default_factory=dict)
    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    parameters: int = 0
    producer: str = ""
    """The program that wrote the file, as it says itself; empty if it does not."""
    producer_version: str = ""
    external: str = ""
    """The name of a tensor whose numbers lie in another file; empty if there is none."""
    coarsest_rounding: float = _FLOAT32_ROUNDING
    """The largest relative rounding of any operation and datatype, as machine epsilon; at least float32's.

    Rounding to whole numbers counts as eight bits. Only values count that an output depends on.
    """
    empty_control: bool = False
    """Whether a Loop takes its number of steps or its condition from a tensor without an element."""
    idle_loop: bool = False
    """Whether the body of a loop holds no operator, so that nothing can end it once it runs."""

    @property
    def has_loop(self) -> bool:
        """Whether a run may take any number of steps."""
        return not self.operators.isdisjoint(_LOOPS)


def read_facts(content: bytes, file: str) -> GraphFacts:
    """Read what the graph of an ONNX file is made of; ends for any bytes.

    Raises:
        BundleError: with check `format`, when the bytes are no ONNX file, or graphs are nested too deeply.
    """
    walk = _Walk()
    try:
        walk.visit("model", memoryview(content).toreadonly(), 0)
    except NotProtobuf as error:
        raise BundleError("format", f"{file} is not an ONNX file that can be read: {error}") from None
    if not walk.graphs:
        raise BundleError("format", f"{file} is not an ONNX file: it holds no graph")
    walk.facts.coarsest_rounding = walk.values.coarsest(_FLOAT32_ROUNDING)
    walk.facts.empty_control = walk.values.has_empty_control()
    return walk.facts


class _Message:
    """The fields of one message that are kept: of a field that is given twice the last one, as protobuf reads it."""

    __slots__ = (
        "elements", "empty", "empty_graph", "external", "inputs", "integers", "learned", "operators", "outputs",
        "results", "rounding", "texts",
    )  # fmt: skip

    def __init__(self) -> None:
        self.texts: dict[str, memoryview] = {}
        self.integers: dict[str, int] = {}
        self.elements = 0
        """The product of a tensor's dimensions; 0 without any."""
        self.empty = False
        """Whether a dimension of a tensor, or of one in an attribute or a node, is 0."""
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self.results: list[int] = []
        """The values that a graph gives, or a graph in it."""
        self.external = False
        self.learned = 0
        """Learned numbers of a tensor, or of the tensors in an attribute or a node."""
        self.rounding = 0.0
        """That of its datatype, or the coarsest in it; of a graph 0."""
        self.operators = 0
        """Nodes of a graph that compute."""
        self.empty_graph = False
        """Whether a graph in it has no such node."""

    def text(self, name: str) -> str:
        return bytes(self.texts[name][:_LONGEST_NAME]).decode(errors="replace") if name in self.texts else ""

    def named(self, name: str) -> tuple[str, str]:
        """A domain, and a name in it."""
        domain = self.text("domain")
        return ("" if domain in _STANDARD else domain), self.text(name)

    def multiply(self, dimension: int) -> None:
        self.empty |= dimension == 0
        self.elements = min((self.elements or 1) * dimension, _MOST_PARAMETERS)


class _Walk:
    """Goes through the messages of one file and notes what it meets."""

    def __init__(self) -> None:
        self.facts = GraphFacts()
        self.values = GraphValues()
        self.graphs = 0
        self._reader = FieldReader(_MOST_FIELDS)

    def visit(self, kind: str, content: memoryview, depth: int) -> _Message:
        """Note the fields of a message, and of the messages in it."""
        if depth > _DEEPEST_MESSAGE:
            raise NotProtobuf("its graphs are nested too deeply")
        message = _Message()
        inner, texts, integers = _INNER.get(kind, {}), _TEXTS.get(kind, {}), _INTEGERS.get(kind, {})
        values = _VALUES.get(kind, {})
        for number, value in self._reader.fields_of(content):
            if isinstance(value, int):
                if number in integers:
                    message.integers[integers[number]] = value
                elif kind == "tensor" and number == _DIMENSIONS:
                    message.multiply(value)
                continue
            if number in values:
                self.values.keep_name(value, getattr(message, values[number]))
            if number in inner:
                self._join(kind, message, inner[number], self.visit(inner[number], value, depth + 1))
            elif number in texts:
                message.texts[texts[number]] = value
            elif kind == "tensor":
                self._note_bytes_of_tensor(message, number, value)
        self._note(kind, message)
        return message

    def _join(self, kind: str, outer: _Message, inner_kind: str, inner: _Message) -> None:
        """Add up in a message what is in a message in it."""
        if (kind, inner_kind) == ("graph", "node"):
            domain, name = inner.named("name")
            outer.operators += domain in OWN_DOMAINS and name != "Constant"  # a function may hold constants alone
        elif inner_kind == "graph":
            outer.empty_graph |= inner.operators == 0
        else:
            outer.empty_graph |= inner.empty_graph
            outer.learned += inner.learned
            outer.empty |= inner.empty
        outer.results += inner.results
        if kind == "graph":  # the values in it have names of their own
            self._count(outer)
        else:
            outer.rounding = max(outer.rounding, inner.rounding)

    def _count(self, graph: _Message) -> None:
        self.facts.parameters = min(self.facts.parameters + graph.learned, _MOST_PARAMETERS)
        graph.learned = 0

    def _note_bytes_of_tensor(self, tensor: _Message, number: int, value: memoryview) -> None:
        if number == _DIMENSIONS:
            for dimension in self._reader.varints_of(value):
                tensor.multiply(dimension)
        elif number == _EXTERNAL_DATA:
            tensor.external = True

    def _note(self, kind: str, message: _Message) -> None:
        facts, integers = self.facts, message.integers
        match kind:
            case "model":
                facts.producer, facts.producer_version = message.text("producer"), message.text("producer_version")
                self.values.add_results(message.results)
            case "graph":
                self.graphs += 1
            case "opset":
                _bounded(facts.opsets)[message.named("domain")[0]] = integers.get("version", 0)
            case "node":
                self._note_node(message)
            case "function":
                _bounded(facts.functions).add(message.named("name"))
                self.values.add_parameters(message.inputs)
            case "attribute" if message.text("name") in _DATATYPE_ATTRIBUTES:
                datatype = integers.get("integer", 0)
                of_type = _EIGHT_BITS if datatype in _ROUNDING_CASTS else _ROUNDING_OF_TYPES.get(datatype, 0.0)
                message.rounding = max(message.rounding, of_type)
            case "tensor":
                self._note_tensor(message)
            case "tensor_type":
                message.rounding = _ROUNDING_OF_TYPES.get(integers.get("elem_type", 0), 0.0)
            case "value" | "result":
                self._give_rounding(message)

    def _note_node(self, node: _Message) -> None:
        operator = node.named("name")
        _bounded(self.facts.operators).add(operator)
        self.facts.idle_loop |= operator in _LOOPS and node.empty_graph
        _, name = operator
        rounding = max(node.rounding, _EIGHT_BITS if name.startswith(_ROUNDING_OPERATORS) else 0.0)
        control = [*node.inputs[:_STEPS_AND_CONDITION], *node.results[:1]] if operator == ("", "Loop") else []
        constant = node.empty and name == "Constant"
        self.values.add_node(Node(name, node.inputs + node.results, node.outputs, rounding, control, constant))
        node.results = []
        if operator == ("", "Constant"):
            self.facts.parameters = min(self.facts.parameters + node.learned, _MOST_PARAMETERS)

    def _give_rounding(self, message: _Message) -> None:
        """Note the rounding of a message for the value of its name."""
        if message.rounding and "name" in message.texts:
            self.values.add_rounding(message.texts["name"], message.rounding)

    def _note_tensor(self, tensor: _Message) -> None:
        data_type = tensor.integers.get("data_type", 0)
        tensor.rounding = _ROUNDING_OF_TYPES.get(data_type, 0.0)
        self._give_rounding(tensor)  # the tensor of an attribute mostly has no name, and is that of its node
        if "name" in tensor.texts:
            self.values.add_tensor(tensor.texts["name"], empty=tensor.empty)
        tensor.learned = tensor.elements if data_type in _LEARNED_TYPES else 0
        if tensor.external or tensor.integers.get("data_location", 0):
            self.facts.external = self.facts.external or tensor.text("name") or "without a name"


def _bounded(names: _Names) -> _Names:
    """The same collection, while it has not too many names."""
    if len(names) >= _MOST_NAMES:
        raise NotProtobuf(f"it has more than {_MOST_NAMES} names of operators or functions")
    return names
