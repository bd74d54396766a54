from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st
from plimsoll.runtime.onnx.graph_values import GraphValues, Node

LEAST = 2.0**-23
EDGES = st.dictionaries(st.integers(1, 9), st.lists(st.integers(0, 8), max_size=3), max_size=9)
"""The inputs of the node that gives each value; a value has a lower number than those that are made of it."""


def of_graph(edges: Mapping[int, Sequence[int]], roundings: Mapping[int, float], results: Sequence[int]) -> GraphValues:
    values = GraphValues()
    for name, inputs in edges.items():
        values.add_node(Node("Sum", names(inputs), names([name]), roundings.get(name, 0.0)))
    values.add_results(names(results))
    return values


def names(numbers: Sequence[int]) -> list[int]:
    values, kept = GraphValues(), list[int]()
    for number in numbers:
        values.keep_name(text(number), kept)
    return kept


def text(number: int) -> memoryview:
    return memoryview(f"v{number}".encode())


def needed_for(edges: Mapping[int, Sequence[int]], results: Sequence[int]) -> set[int]:
    """By a walk that goes on until nothing is added."""
    needed = set(results)
    while more := {each for name in needed for each in edges.get(name, ())} - needed:
        needed |= more
    return needed


@given(EDGES, st.dictionaries(st.integers(1, 9), st.sampled_from([0.5, 0.25, 2.0**-7]), max_size=9),
       st.lists(st.integers(0, 9), max_size=2))  # fmt: skip
def test_the_coarsest_rounding_is_that_of_the_values_that_a_result_depends_on(
    edges: dict[int, list[int]], roundings: dict[int, float], results: list[int]
) -> None:
    inner = {name: [each for each in inputs if each < name] for name, inputs in edges.items()}
    counted = [roundings.get(name, 0.0) for name in needed_for(inner, results) if name in inner]
    assert of_graph(inner, roundings, results).coarsest(LEAST) == max([LEAST, *counted])


@given(EDGES, st.sets(st.integers(0, 9)), st.lists(st.integers(0, 9), max_size=2))
def test_a_loop_is_refused_exactly_if_its_control_is_an_empty_tensor(
    edges: dict[int, list[int]], empty: set[int], control: list[int]
) -> None:
    values, empty = GraphValues(), empty - edges.keys()
    for name in empty:
        values.add_tensor(text(name), empty=True)
    for name, inputs in sorted(edges.items()):
        inner = [each for each in inputs if each < name]
        operator = "Identity" if name % 2 else "Add"
        values.add_node(Node(operator, names(inner), names([name])))
        if operator == "Identity" and inner and inner[0] in empty:
            empty = empty | {name}
    values.add_node(Node("Loop", names(control), names([10]), control=names(control)))
    assert values.has_empty_control() == any(name in empty for name in control)
