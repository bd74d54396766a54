"""Follows the values of a graph from node to node, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_MOST_NAMES = 1 << 18
"""Names that nodes take and give and that are kept. In a file with more of them every rounding counts."""
_NO_NAME = hash(b"")
"""The name of an input or output that a node leaves out."""
_AS_MANY = {
    "Abs", "Cast", "Flatten", "Identity", "Neg", "Not", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
}  # fmt: skip
"""Operators whose output has as many elements as their first input."""


class Node(NamedTuple):
    """A node: its inputs and outputs by name, and the largest relative rounding of its outputs.

    The inputs include the results of the graphs in the node. `control` has the values of a Loop that are read as one
    number each: the count of steps, the condition, and the condition after a step.
    """

    operator: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    rounding: float = 0.0
    control: Sequence[int] = ()
    empty: bool = False
    """Whether its outputs are a constant without an element."""


class GraphValues:
    """The values of all graphs of a file, by hashes of their names, since a file may have many.

    Graphs and functions share one space of names. Two values of one name are taken for one that is used if either is,
    and that is not empty.
    """

    def __init__(self) -> None:
        self._names = 0
        self._nodes: list[Node] = []
        self._results: list[int] = []
        self._roundings: dict[int, float] = {}
        self._empty: set[int] = set()
        self._filled: set[int] = set()

    @property
    def _full(self) -> bool:
        return max(self._names, len(self._roundings)) > _MOST_NAMES

    def keep_name(self, text: memoryview, names: list[int]) -> None:
        """Add a name to a list, unless the file has too many."""
        self._names += 1
        if self._names <= _MOST_NAMES:
            names.append(hash(text))

    def add_node(self, node: Node) -> None:
        """Note a node; those of one graph come in their order."""
        if self._names <= _MOST_NAMES:
            self._nodes.append(node)
        for name in node.outputs if node.rounding else ():
            if name != _NO_NAME:
                self._round(name, node.rounding)

    def add_results(self, names: Sequence[int]) -> None:
        """Note values that the file's graph or a function gives."""
        self._results += names

    def add_parameters(self, names: Sequence[int]) -> None:
        """Note values that a function takes, of which nothing is known."""
        self._filled.update(names)

    def add_rounding(self, text: memoryview, rounding: float) -> None:
        """Note the rounding of the datatype that a value of this name has."""
        self._round(hash(text), rounding)

    def add_tensor(self, text: memoryview, *, empty: bool) -> None:
        """Note an initialiser, and whether it has no element."""
        kept = self._empty if empty else self._filled
        if len(kept) <= _MOST_NAMES:
            kept.add(hash(text))

    def coarsest(self, least: float) -> float:
        """The largest rounding of a value that a result depends on, and at least `least`.

        A node that nobody needs rounds nothing that is answered.
        """
        if self._full:
            return max((least, *self._roundings.values()))
        givers = {name: node for node in self._nodes for name in node.outputs if name != _NO_NAME}
        needed: set[int] = set()
        to_follow = list(self._results)
        while to_follow:
            name = to_follow.pop()
            if name not in needed:
                needed.add(name)
                to_follow += givers[name].inputs if name in givers else ()
        return max((least, *(each for name, each in self._roundings.items() if name in needed)))

    def has_empty_control(self) -> bool:
        """Whether a Loop reads a number or a truth from a tensor that has no element, as far as the file shows it."""
        empty = self._empty - self._filled
        for node in self._nodes:
            if node.empty or (node.operator in _AS_MANY and node.inputs and node.inputs[0] in empty):
                empty.update(node.outputs)
            else:
                empty.difference_update(node.outputs)
        empty -= self._filled | {_NO_NAME}
        return any(not empty.isdisjoint(node.control) for node in self._nodes)

    def _round(self, name: int, rounding: float) -> None:
        name = name if len(self._roundings) <= _MOST_NAMES else _NO_NAME
        self._roundings[name] = max(rounding, self._roundings.get(name, 0.0))
