from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from plimsoll.rollout.release_values import at, difference, overlay, same, set_options, undoing

LEAVES = st.one_of(st.integers(), st.booleans(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
TREES = st.recursive(
    st.dictionaries(st.sampled_from("abc"), LEAVES, max_size=3),
    lambda below: st.dictionaries(st.sampled_from("abc"), st.one_of(LEAVES, below), max_size=3),
    max_leaves=8,
)


@given(TREES, TREES)
def test_what_differs_is_enough_to_bring_about_the_whole(base: dict[str, Any], wanted: dict[str, Any]) -> None:
    reached = overlay(base, difference(base, wanted))
    assert difference(reached, wanted) == {}
    assert reached == overlay(base, wanted) or _only_empty(overlay(base, wanted), reached)


def _only_empty(whole: dict[str, Any], reached: dict[str, Any]) -> bool:
    """Whether only empty mappings were left out, which set nothing."""
    return difference(reached, whole) == {}


@given(TREES, TREES)
def test_what_undoes_a_change_brings_back_every_value(base: dict[str, Any], changes: dict[str, Any]) -> None:
    back = overlay(overlay(base, changes), undoing(base, changes))
    plain = {name: value for name, value in base.items() if not isinstance(value, dict)}
    assert difference(back, plain) == {}
    assert "null" not in json.dumps(undoing(base, changes))


def test_a_value_is_found_by_its_path() -> None:
    values = {"canary": {"model": {"version": "2"}, "image": None}}
    assert at(values, "canary.model.version") == "2"
    assert at(values, "canary.model.version.more", "no") == "no"
    assert (at(values, "canary.image", "no"), at(values, "other", "no")) == ("no", "no")


def test_options_keep_texts_and_numbers_apart() -> None:
    changes = {
        "canary": {"weight": 5, "model": {"version": "1.10"}, "image": {"tag": "a,b"}, "on": True, "gone": None},
        "x.y": {"z": [1]},
        "a\\b": {"c\\": 1},
    }
    assert set_options(changes) == [
        "--set", "canary.weight=5",
        "--set-string", "canary.model.version=1.10",
        "--set-json", 'canary.image.tag="a,b"',
        "--set", "canary.on=true",
        "--set", "canary.gone=null",
        "--set-json", "x\\.y.z=[1]",
        "--set", "a\\\\b.c\\\\=1",
    ]  # fmt: skip


def test_nothing_is_removed_that_is_not_there() -> None:
    assert difference({"canary": {"resources": {}}}, {"canary": {"resources": None, "other": None}}) == {}
    assert difference({"canary": {"resources": {"cpu": 1}}}, {"canary": {"resources": None}}) == {
        "canary": {"resources": None}
    }


def test_an_empty_mapping_means_the_same_as_none() -> None:
    assert same({"a": {"b": {}, "c": 1}}, {"a": {"c": 1}})
    assert not same({"a": {"c": 1}}, {"a": {"c": 2}})
