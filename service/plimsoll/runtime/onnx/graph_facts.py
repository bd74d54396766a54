"""Reads from an ONNX file what decides whether it may be run, before ONNX Runtime opens it.

Field numbers are those of onnx.proto (onnx/onnx, `ModelProto` and the messages in it).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plimsoll.errors import BundleError
from plimsoll.quoting import quote
from plimsoll.runtime.onnx.protobuf_fields import NotProtobuf, fields_of, varints_of

MAX_FILE_BYTES = (1 << 31) - 1
"""No protobuf message is longer."""
_DEEPEST_MESSAGE = 96
"""A subgraph lies three messages deeper than its graph."""
_OWN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
"""Domains whose operators ONNX Runtime brings."""
_EIGHT_BITS = 2.0**-7
_FLOAT16, _BFLOAT16 = 10, 16
_ROUNDING_OF_TYPES = {_FLOAT16: 2.0**-10, _BFLOAT16: 2.0**-7}
_ROUNDING_OPERATORS = ("Quantize", "DynamicQuantize", "QLinear", "Round")
_FLOAT32_ROUNDING = 2.0**-23

_INNER: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "value": {2: "type"},
    "type": {1: "tensor_type"},
}
"""The messages in each message, by field number."""
_KEPT: Mapping[str, Mapping[int, str]] = {
    "opset": {1: "domain", 2: "version"},
    "function": {1: "name", 10: "domain"},
    "node": {4: "op_type", 7: "domain"},
    "attribute": {1: "name", 3: "integer"},
    "tensor": {1: "dims", 2: "data_type", 8: "name", 13: "external_data", 14: "data_location"},
    "tensor_type": {1: "elem_type"},
}
"""The fields of each message that are read."""


@dataclass(slots=True)
class GraphFacts:
    """What a graph is made of.

    `opsets` holds the version of each domain that the file imports; `operators` every operator with its domain, those
    of subgraphs and functions among them; `parameters` the number of learned numbers.
    """

    opsets: dict[str, int] = field(default_factory=dict)
    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    types: set[int] = field(default_factory=set)
    parameters: int = 0
    external: str = ""
    """The name of a tensor whose numbers lie in another file; empty if there is none."""

    @property
    def coarsest_rounding(self) -> float:
        """The largest relative rounding of any operation, as machine epsilon; at least float32's."""
        found = [_FLOAT32_ROUNDING, *(_ROUNDING_OF_TYPES[each] for each in self.types if each in _ROUNDING_OF_TYPES)]
        if any(name.startswith(_ROUNDING_OPERATORS) for _, name in self.operators):
            found.append(_EIGHT_BITS)
        return max(found)


def read_facts(content: bytes, file: str) -> GraphFacts:
    """What the graph of an ONNX file is made of.

    Raises:
        BundleError: with check `format`, when the bytes are no ONNX file, or graphs are nested too deeply.
    """
    walk = _Walk()
    try:
        walk.visit("model", memoryview(content), 0)
    except NotProtobuf as error:
        raise BundleError("format", f"{file} is not an ONNX file: {error}") from None
    if not walk.graphs:
        raise BundleError("format", f"{file} is not an ONNX file: it holds no graph")
    return walk.facts


def check_facts(facts: GraphFacts, file: str) -> None:
    """Raise a `BundleError` with check `format` unless the graph is in one file and of operators that everybody has."""
    if facts.external:
        raise BundleError(
            "format",
            f"the numbers of tensor {quote(facts.external)} lie in another file, which {file} names; nothing of it was "
            "opened. Put everything into one file: onnx.save_model(onnx.load(PATH), NEW_PATH)",
        )
    known = {domain for domain, _ in facts.functions} | _OWN_DOMAINS
    for domain, name in sorted(facts.operators):
        if domain not in known:
            raise BundleError(
                "format",
                f"{file} uses the operator {quote(name)} of the domain {quote(domain)}, which ONNX Runtime does not "
                "bring; export the model with standard operators",
            )


_Fields = dict[str, list[int | memoryview]]


class _Walk:
    """Goes through the messages of one file and notes what it meets."""

    def __init__(self) -> None:
        self.facts = GraphFacts()
        self.graphs = 0

    def visit(self, kind: str, message: memoryview, depth: int) -> None:
        """Note what is in a message, and in the messages in it."""
        if depth > _DEEPEST_MESSAGE:
            raise NotProtobuf("graphs lie too deep in each other")
        inner, kept = _INNER.get(kind, {}), _KEPT.get(kind, {})
        fields: _Fields = {name: [] for name in kept.values()}
        for number, value in fields_of(message):
            if number in kept:
                fields[kept[number]].append(value)
            elif number in inner and isinstance(value, memoryview):
                self.visit(inner[number], value, depth + 1)
        self._note(kind, fields)

    def _note(self, kind: str, fields: _Fields) -> None:
        facts = self.facts
        match kind:
            case "graph":
                self.graphs += 1
            case "opset":
                facts.opsets[_text(fields["domain"])] = _integer(fields["version"])
            case "node":
                facts.operators.add((_text(fields["domain"]), _text(fields["op_type"])))
            case "function":
                facts.functions.add((_text(fields["domain"]), _text(fields["name"])))
            case "attribute" if _text(fields["name"]) == "to":  # of the operator Cast
                facts.types.add(_integer(fields["integer"]))
            case "tensor_type":
                facts.types.add(_integer(fields["elem_type"]))
            case "tensor":
                self._note_tensor(fields)

    def _note_tensor(self, fields: _Fields) -> None:
        self.facts.types.add(_integer(fields["data_type"]))
        self.facts.parameters += math.prod(_integers(fields["dims"]))
        if fields["external_data"] or _integer(fields["data_location"]):
            self.facts.external = self.facts.external or _text(fields["name"]) or "without a name"


def _text(values: Sequence[int | memoryview]) -> str:
    last = values[-1] if values else b""
    return "" if isinstance(last, int) else bytes(last).decode(errors="replace")


def _integer(values: Sequence[int | memoryview]) -> int:
    last = values[-1] if values else 0
    return last if isinstance(last, int) else 0


def _integers(values: Sequence[int | memoryview]) -> list[int]:
    """A repeated field, whose integers come one by one or packed."""
    return [number for each in values for number in ([each] if isinstance(each, int) else varints_of(each))]
