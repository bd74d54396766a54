from __future__ import annotations

import pytest
import typer
from plimsoll.cli.input_bounds import read_bounds


@pytest.mark.parametrize(
    ("values", "names", "bounds"),
    [
        ([], ["x"], {}),
        (["-1.5"], ["x"], {"x": -1.5}),
        (["x=1e3"], ["x"], {"x": 1000}),
        (["b=2", "a=0"], ["a", "b", "c"], {"a": 0, "b": 2}),
        ([f"a={2**53 + 1}", f"b=-{2**63}"], ["a", "b"], {"a": 2**53 + 1, "b": -(2**63)}),
    ],
)
def test_bounds_are_by_the_name_of_an_input(values: list[str], names: list[str], bounds: dict[str, float]) -> None:
    assert read_bounds(values, names, "--minimum") == bounds


@pytest.mark.parametrize(
    ("values", "names", "sentence"),
    [
        (["0"], ["a", "b"], "there are 2 inputs; give NAME=NUMBER, as a=0"),
        (["c=0"], ["a", "b"], "there is no input 'c'; the inputs are a, b"),
        (["a=0", "a=1"], ["a", "b"], "the input 'a' has two"),
        (["a=low"], ["a"], "'low' is not a finite number"),
        ([""], ["a"], "'' is not a finite number"),
    ],
)
def test_what_bounds_no_input_is_refused(values: list[str], names: list[str], sentence: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        read_bounds(values, names, "--minimum")
    assert (caught.value.message, caught.value.param_hint) == (sentence, "'--minimum'")
