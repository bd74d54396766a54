"""Tests that prefixes of module wrappers are removed from weight names, and that nothing else changes."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.runtime.pytorch.weights_prefix import without_prefix
from safetensors.torch import load, save


@pytest.mark.parametrize(
    ("names", "wanted", "taken"),
    [
        (["module.a", "module.b"], ["a", "b"], "module."),
        (["module.a", "module.b"], ["module.a", "module.b"], ""),  # the module's own name
        (["module.a", "b"], ["a", "b"], ""),
        (["module.a", "other.b"], ["a", "b"], ""),
        (["module._orig_mod.a"], ["a"], "module._orig_mod."),
        (["a"], ["b"], ""),
        ([], ["a"], ""),
    ],
)
def test_a_prefix_is_taken_off_all_names_or_none(names: list[str], wanted: list[str], taken: str) -> None:
    weights = save({name: torch.ones(3) for name in names})
    found, prefix = without_prefix(weights, wanted)
    assert prefix == taken
    assert sorted(load(found)) == sorted(name.removeprefix(taken) for name in names)
    if not taken:
        assert found == weights


@given(st.binary(max_size=200))
def test_bytes_that_are_no_safetensors_file_stay_as_they_are(content: bytes) -> None:
    assert without_prefix(content, ["a"]) == (content, "")


@given(st.recursive(st.none() | st.integers() | st.just("module.a"), st.lists))
def test_headers_that_are_no_safetensors_header_stay_as_they_are(header: object) -> None:
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text
    assert without_prefix(content, ["a"]) == (content, "")


def test_the_tensors_stay_aligned_and_the_metadata_stays() -> None:
    tensors = {"module.a": torch.arange(5.0), "module.long.name": torch.ones(2, 3, dtype=torch.float16)}
    weights, taken = without_prefix(save(tensors, metadata={"format": "pt"}), ["a", "long.name"])
    length = int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8 : 8 + length])
    assert (taken, length % 8, header["__metadata__"]) == ("module.", 0, {"format": "pt"})
    assert {name: each.tolist() for name, each in load(weights).items()} == {
        name.removeprefix("module."): each.tolist() for name, each in tensors.items()
    }
