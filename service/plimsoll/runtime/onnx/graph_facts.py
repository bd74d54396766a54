"""Reads from an ONNX file what decides whether it may be run, before ONNX Runtime opens it.

Field numbers are those of onnx.proto (onnx/onnx, `ModelProto` and the messages in it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from typing import TypeVar

from plimsoll.errors import BundleError
from plimsoll.protobuf_fields import FieldReader, NotProtobuf

_MOST_FIELDS = 1 << 25
"""Half a minute of reading. A graph of ten thousand nodes has half a million, a forest of a million nodes ten."""
_DEEPEST_MESSAGE = 96
"""A subgraph lies three messages deeper than its graph; protobuf itself goes no deeper than 100."""
_MOST_NAMES = 1 << 16
"""Different operators or functions of one file."""
_LONGEST_NAME = 256
_MOST_PARAMETERS = (1 << 63) - 1
_EIGHT_BITS = 2.0**-7
_MOST_VALUES = 1 << 18
"""Names of values that are kept. In a file with more of them every datatype counts."""
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
    "node": {2: "output", 4: "name", 7: "domain"},
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
_USED: Mapping[str, int] = {"node": 1, "function": 5, "result": 1}
"""The field with the names of values that an operator takes, or that a function or a graph gives."""
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
    rounding: float = _FLOAT32_ROUNDING
    """The largest relative rounding of a datatype that a value has, a cast to whole numbers counted as eight bits.

    Only values count that an operator takes, or that a graph or a function gives: an initialiser that nobody uses
    rounds nothing.
    """
    idle_loop: bool = False
    """Whether the body of a loop holds no operator, so that nothing can end it once it runs."""

    @property
    def has_loop(self) -> bool:
        """Whether a run may take any number of steps."""
        return not self.operators.isdisjoint(_LOOPS)

    @property
    def coarsest_rounding(self) -> float:
        """The largest relative rounding of any operation, as machine epsilon; at least float32's."""
        eight_bits = any(name.startswith(_ROUNDING_OPERATORS) for _, name in self.operators)
        return max(self.rounding, _EIGHT_BITS if eight_bits else 0.0)


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
    walk.facts.rounding = walk.values.coarsest()
    return walk.facts


class _Values:
    """The values that are used, and the roundings of values; names as hashes, since a file may have many."""

    def __init__(self) -> None:
        self._used: set[int] = set()
        self._roundings: dict[int, float] = {}

    def use(self, name: memoryview) -> None:
        if len(self._used) < _MOST_VALUES:
            self._used.add(hash(name))

    def round(self, name: memoryview, rounding: float) -> None:
        name_hash = hash(name) if len(self._roundings) < _MOST_VALUES else 0
        self._roundings[name_hash] = max(rounding, self._roundings.get(name_hash, 0.0))

    def coarsest(self) -> float:
        full = max(len(self._used), len(self._roundings)) >= _MOST_VALUES
        found = (each for name, each in self._roundings.items() if full or name in self._used)
        return max(found, default=_FLOAT32_ROUNDING)


class _Message:
    """The fields of one message that are kept: of a field that is given twice the last one, as protobuf reads it."""

    __slots__ = ("elements", "empty_graph", "external", "integers", "learned", "operators", "rounding", "texts")

    def __init__(self) -> None:
        self.texts: dict[str, memoryview] = {}
        self.integers: dict[str, int] = {}
        self.elements = 0
        """The product of a tensor's dimensions; 0 without any."""
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
        self.elements = min((self.elements or 1) * dimension, _MOST_PARAMETERS)


class _Walk:
    """Goes through the messages of one file and notes what it meets."""

    def __init__(self) -> None:
        self.facts = GraphFacts()
        self.values = _Values()
        self.graphs = 0
        self._reader = FieldReader(_MOST_FIELDS)

    def visit(self, kind: str, content: memoryview, depth: int) -> _Message:
        """Note the fields of a message, and of the messages in it."""
        if depth > _DEEPEST_MESSAGE:
            raise NotProtobuf("its graphs are nested too deeply")
        message = _Message()
        inner, texts, integers = _INNER.get(kind, {}), _TEXTS.get(kind, {}), _INTEGERS.get(kind, {})
        used = _USED.get(kind)
        for number, value in self._reader.fields_of(content):
            if isinstance(value, int):
                if number in integers:
                    message.integers[integers[number]] = value
                elif kind == "tensor" and number == _DIMENSIONS:
                    message.multiply(value)
                continue
            if number == used:
                self.values.use(value)
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
            case "graph":
                self.graphs += 1
            case "opset":
                _bounded(facts.opsets)[message.named("domain")[0]] = integers.get("version", 0)
            case "node":
                self._note_node(message)
            case "function":
                _bounded(facts.functions).add(message.named("name"))
            case "attribute" if message.text("name") in _DATATYPE_ATTRIBUTES:
                datatype = integers.get("integer", 0)
                of_type = _EIGHT_BITS if datatype in _ROUNDING_CASTS else _ROUNDING_OF_TYPES.get(datatype, 0.0)
                message.rounding = max(message.rounding, of_type)
            case "tensor":
                self._note_tensor(message)
            case "tensor_type":
                message.rounding = _ROUNDING_OF_TYPES.get(integers.get("elem_type", 0), 0.0)
            case "value" | "result":
                self._give_rounding(message, "name")

    def _note_node(self, node: _Message) -> None:
        operator = node.named("name")
        _bounded(self.facts.operators).add(operator)
        self.facts.idle_loop |= operator in _LOOPS and node.empty_graph
        self._give_rounding(node, "output")
        if operator == ("", "Constant"):
            self.facts.parameters = min(self.facts.parameters + node.learned, _MOST_PARAMETERS)

    def _give_rounding(self, message: _Message, name: str) -> None:
        """Note the rounding of a message for the value of this name."""
        if message.rounding and name in message.texts:
            self.values.round(message.texts[name], message.rounding)

    def _note_tensor(self, tensor: _Message) -> None:
        data_type = tensor.integers.get("data_type", 0)
        tensor.rounding = _ROUNDING_OF_TYPES.get(data_type, 0.0)
        self._give_rounding(tensor, "name")  # the tensor of an attribute mostly has no name, and is that of its node
        tensor.learned = tensor.elements if data_type in _LEARNED_TYPES else 0
        if tensor.external or tensor.integers.get("data_location", 0):
            self.facts.external = self.facts.external or tensor.text("name") or "without a name"


def _bounded(names: _Names) -> _Names:
    """The same collection, while it has not too many names."""
    if len(names) >= _MOST_NAMES:
        raise NotProtobuf(f"it has more than {_MOST_NAMES} names of operators or functions")
    return names
