from __future__ import annotations

from collections import OrderedDict, UserDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import BundleError
from plimsoll.runtime.pytorch.module_outputs import named_outputs, signature_outputs

A, B = torch.zeros(2, 3), torch.ones(2, 1)


class Pair(NamedTuple):
    scores: Any
    hidden: Any


class Swapped(NamedTuple):
    hidden: Any
    scores: Any


@dataclass
class Answer:
    scores: Any
    hidden: Any
    loss: Any = None


class ModelOutput(OrderedDict[str, Any]):
    """As transformers have it: a mapping whose items are attributes too; `None` is left out."""


NAMED = [
    {"scores": A, "hidden": B},
    {"hidden": B, "scores": A, "loss": None},
    UserDict({"scores": A, "hidden": B}),
    ModelOutput(scores=A, hidden=B),
    Pair(A, B),
    Swapped(B, A),
    Answer(A, B),
]


@pytest.mark.parametrize("result", NAMED, ids=lambda result: type(result).__name__)
def test_outputs_with_names_are_taken_by_them(result: object) -> None:
    every = named_outputs(result)
    assert every.keys() == {"scores", "hidden"}
    assert every["scores"] is A
    assert every["hidden"] is B
    assert list(named_outputs(result, ["hidden"])) == ["hidden"]
    taken = signature_outputs(result, ["hidden", "scores"])
    assert taken[0] is B
    assert taken[1] is A
    (only,) = signature_outputs(result, ["scores"])
    assert only is A


@pytest.mark.parametrize(
    ("result", "names"),
    [(A, ["output"]), ((A,), ["output"]), ([A, B], ["output_0", "output_1"]), ((A, None, B), ["output_0", "output_1"])],
)
def test_outputs_without_names_are_numbered_where_there_are_several(result: object, names: list[str]) -> None:
    assert list(named_outputs(result)) == names
    assert list(named_outputs(result, ["x", "y"][: len(names)])) == ["x", "y"][: len(names)]


@given(st.lists(st.sampled_from([A, B, None]), max_size=6))
def test_a_bundle_made_of_a_tuple_is_served_by_the_same_tensors(values: list[torch.Tensor | None]) -> None:
    made = named_outputs(tuple(values))
    served = signature_outputs(tuple(values), list(made))
    assert [id(each) for each in made.values()] == [id(each) for each in served]


def test_some_outputs_without_names_are_chosen_by_their_places() -> None:
    of_a_recurrent_module = (A, (B, B), B)
    for names, expected in ((["output_2", "output_0"], [B, A]), (["output_0"], [A])):
        made = named_outputs(of_a_recurrent_module, names)
        assert list(made) == names
        assert [id(each) for each in made.values()] == list(map(id, expected))
        assert list(map(id, signature_outputs(of_a_recurrent_module, names))) == list(map(id, expected))
    with pytest.raises(BundleError, match="the tensors among its outputs are 'output_0', 'output_2'; choose those to"):
        named_outputs(of_a_recurrent_module)
    with pytest.raises(BundleError, match="the model gives 3 outputs, and 2 names are given for them, output_0, x"):
        named_outputs(of_a_recurrent_module, ["output_0", "x"])


def test_a_named_tuple_of_other_names_is_served_by_position() -> None:
    first, second = signature_outputs(Pair(A, B), ["x", "y"])
    assert (first is A, second is B) == (True, True)


@pytest.mark.parametrize(
    ("result", "wanted", "sentence"),
    [
        ({"scores": A, 3: B}, [], "the model names an output 3, and a name is text"),
        (
            {"scores": A, "past": (A, B)},
            [],
            "the output 'past' of the model is of the type tuple, and only tensors can",
        ),
        ({"scores": A, "hidden": B}, ["x"], "the model gives 'scores', 'hidden', and no output 'x'"),
        ((A, 0.5), [], "the output 'output_1' of the model is of the type float, and only tensors can be served; the"),
        ((A, B), ["x"], "the model gives 2 outputs, and 1 names are given for them, x"),
        ({}, ["x"], "the model gives no output, and no output 'x'"),
        ("words", [], "the model gives str, and not one or several tensors"),
        (None, [], "the model gives NoneType, and not one or several tensors"),
        (Answer, [], "the model gives type, and not one or several tensors"),
    ],
)
def test_outputs_of_which_no_bundle_can_be_made_are_refused(result: object, wanted: list[str], sentence: str) -> None:
    with pytest.raises(BundleError) as caught:
        named_outputs(result, wanted)
    assert (caught.value.check, caught.value.message[: len(sentence)]) == ("signature", sentence)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        ({"scores": A}, "the model gives 'scores', and no output 'hidden'"),
        ({"scores": A, "hidden": 3}, "the output 'hidden' of the model is of the type int, and only tensors can be"),
        (Answer(A, None), "the model gives 1 outputs, the signature names 2"),
        ((A, B, A), "the model gives 3 outputs, the signature names 2"),
        (3, "the model gives int, and not one or several tensors"),
    ],
)
def test_a_model_that_gives_other_outputs_than_its_signature_is_refused(result: object, sentence: str) -> None:
    with pytest.raises(BundleError) as caught:
        signature_outputs(result, ["scores", "hidden"])
    assert (caught.value.check, caught.value.message[: len(sentence)]) == ("signature", sentence)
