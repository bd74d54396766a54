from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import (
    NO_RULES,
    DesiredLimits,
    DesiredState,
    DesiredVersion,
    StateRules,
    highest_of_each,
    read_desired_state,
)
from plimsoll.errors import DesiredStateError
from plimsoll.yaml_file import MAX_DOCUMENT_BYTES

from tests.conftest import MakeBundle

TWO_VERSIONS = """
models:
- name: digits
  versions:
  - version: "1"
  - version: "2.10"
- name: words
  versions: [{version: "1"}]
"""


def pairs(state: DesiredState) -> list[tuple[str, str]]:
    return [(model.name, each.version) for model in state.models for each in model.versions]


def read(folder: Path, document: str | bytes, rules: StateRules = NO_RULES) -> DesiredState:
    file = folder / "desired-state.yaml"
    file.write_bytes(document.encode() if isinstance(document, str) else document)
    return read_desired_state(file, rules)


def one_model(versions: str, limits: str = "{}") -> str:
    """A document of one model with these versions and limits, in YAML's short form."""
    return f"models: [{{name: digits, versions: [{versions}], limits: {limits}}}]"


def test_models_and_versions_are_read_in_their_order(tmp_path: Path) -> None:
    assert pairs(read(tmp_path, TWO_VERSIONS)) == [("digits", "1"), ("digits", "2.10"), ("words", "1")]


def test_json_is_yaml_too(tmp_path: Path) -> None:
    assert pairs(read(tmp_path, '{"models": [{"name": "digits", "versions": [{"version": "7"}]}]}')) == [
        ("digits", "7")
    ]


def test_no_model_at_all_may_be_desired(tmp_path: Path) -> None:
    assert pairs(read(tmp_path, "models: []")) == []


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ("", "the document"),
        ("just words", "the document"),
        ("[]", "the document"),
        ("{}", "models"),
        ("models: digits", "models"),
        ("models: [digits]", "models.0"),
        ("models: [{name: digits}]", "models.0.versions"),
        ("models: [{name: digits, versions: []}]", "models.0.versions"),
        ('models: [{versions: [{version: "1"}]}]', "models.0.name"),
        ('models: [{name: Digits, versions: [{version: "1"}]}]', "models.0.name"),
        ("models: [{name: digits, versions: [{version: latest}]}]", "models.0.versions.0.version"),
        ("models: [{name: digits, versions: [{}]}]", "models.0.versions.0.version"),
        ('models: [{name: digits, versions: [{version: "1", wieght: 5}]}]', "models.0.versions.0.wieght"),
        ("models: []\nextra: 1", "extra"),
        (
            'models: [{name: digits, versions: [{version: "1"}, {version: "1"}]}]',
            "model 'digits' lists a version twice",
        ),
        (
            'models: [{name: a, versions: [{version: "1"}]}, {name: a, versions: [{version: "2"}]}]',
            "a model is listed twice; put its versions under one entry",
        ),
        (one_model('{version: "1", weight: -1}'), "models.0.versions.0.weight"),
        (one_model('{version: "1", weight: 101}'), "models.0.versions.0.weight"),
        (one_model('{version: "1", weight: 33.3}'), "models.0.versions.0.weight"),
        (one_model('{version: "1", weight: most}'), "models.0.versions.0.weight"),
        (one_model('{version: "1", generation: -1}'), "models.0.versions.0.generation"),
        (one_model('{version: "1", force: perhaps}'), "models.0.versions.0.force"),
        (one_model('{version: "1"}', "{queue_limit: 0}"), "models.0.limits.queue_limit"),
        (one_model('{version: "1"}', "{queue_limit: 100001}"), "models.0.limits.queue_limit"),
        (one_model('{version: "1"}', "{queue_bytes: 1023}"), "models.0.limits.queue_bytes"),
        (one_model('{version: "1"}', "{max_batch_rows: 0}"), "models.0.limits.max_batch_rows"),
        (one_model('{version: "1"}', "{max_batch_rows: 4097}"), "models.0.limits.max_batch_rows"),
        (one_model('{version: "1"}', "{max_wait_ms: -0.1}"), "models.0.limits.max_wait_ms"),
        (one_model('{version: "1"}', "{max_wait_ms: 10000.1}"), "models.0.limits.max_wait_ms"),
        (one_model('{version: "1"}', "{max_wait_ms: .nan}"), "models.0.limits.max_wait_ms"),
        (one_model('{version: "1"}', "{queue: 5}"), "models.0.limits.queue"),
        (one_model('{version: "1"}', "[]"), "models.0.limits"),
    ],
)
def test_wrong_fields_are_named_with_the_file(tmp_path: Path, document: str, named: str) -> None:
    with pytest.raises(DesiredStateError, match=r"desired-state\.yaml has wrong fields: ") as caught:
        read(tmp_path, document)
    assert named in caught.value.message


@pytest.mark.parametrize(
    "document",
    [
        "models: [",
        "models: *nowhere",
        "\tmodels: []",
        b"models: \xff\xfe",
        b"models: \x00",
        "[" * 2000,
        "!!python/object/apply:os.system [true]",
        "? [a, b]\n: c",
        "models: [{name: digits, versions: [{version: 2024-13-45}]}]",
        "models: [{name: digits, versions: [{version: !!int one}]}]",
        "models: !!timestamp soon",
        "models: !!bool perhaps",
        "models: " + "1" * 5000,
    ],
)
def test_what_is_no_yaml_is_refused_in_one_sentence(tmp_path: Path, document: str | bytes) -> None:
    with pytest.raises(DesiredStateError, match=r"^the desired state .*desired-state\.yaml ") as caught:
        read(tmp_path, document)
    assert "\n" not in caught.value.message


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["models", "name", "versions", "version"]) | st.text(max_size=4), inner, max_size=3
        )
    ),
    max_leaves=10,
)


@given(
    document=st.binary(max_size=40)
    | st.text("[]{}:,-?!&*'\"# \nmodels12.0x", max_size=40).map(str.encode)
    | anything.map(lambda value: yaml.safe_dump(value).encode())
)
def test_any_bytes_are_a_desired_state_or_refused(tmp_path: Path, document: Any) -> None:
    try:
        state = read(tmp_path, document)
    except DesiredStateError:
        return
    assert isinstance(state, DesiredState)


@pytest.mark.parametrize("version", ["2", "1.10", "010", "no", "2026-11-28", "null"])
def test_a_version_that_yaml_reads_as_something_else_is_told_to_be_quoted(tmp_path: Path, version: str) -> None:
    with pytest.raises(DesiredStateError) as caught:
        read(tmp_path, one_model(f"{{version: {version}}}"))
    assert caught.value.message == (
        "the desired state desired-state.yaml has wrong fields: models.0.versions.0.version: should be a text, and is "
        "none as YAML reads it (1.10, 010 and no are none); put it in quotes"
    )


def test_what_is_left_out_asks_for_no_weight_no_reload_no_force_and_no_limits(tmp_path: Path) -> None:
    (model,) = read(tmp_path, one_model('{version: "1"}')).models
    (version,) = model.versions
    assert (version.weight, version.generation, version.force) == (None, 0, False)
    assert model.limits == DesiredLimits()
    assert set(model.limits.model_dump().values()) == {None}


def test_everything_that_can_be_desired_of_a_version_is_read(tmp_path: Path) -> None:
    (model,) = read(
        tmp_path,
        one_model(
            '{version: "1", weight: 95}, {version: "2", weight: 5, generation: 7, force: true}',
            "{queue_limit: 3, queue_bytes: 4096, max_batch_rows: 16, max_wait_ms: 2.5}",
        ),
    ).models
    assert model.versions == [
        DesiredVersion(version="1", weight=95),
        DesiredVersion(version="2", weight=5, generation=7, force=True),
    ]
    assert model.limits == DesiredLimits(queue_limit=3, queue_bytes=4096, max_batch_rows=16, max_wait_ms=2.5)


def test_limits_may_be_as_wide_and_as_narrow_as_they_go(tmp_path: Path) -> None:
    for limits in (
        "{queue_limit: 1, queue_bytes: 1024, max_batch_rows: 1, max_wait_ms: 0}",
        "{queue_limit: 100000, max_batch_rows: 4096, max_wait_ms: 10000}",
    ):
        read(tmp_path, one_model('{version: "1"}', limits))


@pytest.mark.parametrize(("weights", "total"), [((50, 49), 99), ((50, 51), 101), ((0, 0), 0), ((100, 100), 200)])
def test_weights_that_do_not_sum_to_a_hundred_are_refused_with_their_sum(
    tmp_path: Path, weights: tuple[int, int], total: int
) -> None:
    versions = ", ".join(f'{{version: "{at}", weight: {weight}}}' for at, weight in enumerate(weights))
    with pytest.raises(DesiredStateError) as caught:
        read(tmp_path, one_model(versions))
    assert f"the weights of model 'digits' sum to {total}, and must to 100" in caught.value.message


@pytest.mark.parametrize("weights", [("weight: 100", "weight: 0"), ("weight: 1", "weight: 99"), ("weight: 100",)])
def test_weights_that_sum_to_a_hundred_are_taken(tmp_path: Path, weights: tuple[str, ...]) -> None:
    versions = ", ".join(f'{{version: "{at}", {weight}}}' for at, weight in enumerate(weights))
    (model,) = read(tmp_path, one_model(versions)).models
    assert model.weighted


def test_weights_for_some_versions_only_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DesiredStateError, match="gives weights to some versions only; give all of them one, or none"):
        read(tmp_path, one_model('{version: "1", weight: 100}, {version: "2"}'))


def test_each_model_may_be_weighted_or_not(tmp_path: Path) -> None:
    state = read(tmp_path, TWO_VERSIONS.replace('"1"}', '"1", weight: 100}'))
    assert [model.weighted for model in state.models] == [False, True]


def test_where_the_chart_splits_weights_are_refused_with_the_setting_that_says_so(tmp_path: Path) -> None:
    weighted, plain = one_model('{version: "1", weight: 100}'), one_model('{version: "1"}')
    with pytest.raises(DesiredStateError, match=r"PLIMSOLL_TRACK is set: .* remove the weights") as caught:
        read(tmp_path, weighted, StateRules(may_split=False))
    assert "desired-state.yaml splits requests by weight" in caught.value.message
    assert pairs(read(tmp_path, plain, StateRules(may_split=False))) == [("digits", "1")]


def test_no_model_may_let_a_request_wait_as_long_as_its_objective(tmp_path: Path) -> None:
    rules = StateRules(objective_ms=100)
    document = "models: [{name: digits, versions: [{version: '1'}], limits: {max_wait_ms: WAIT}}]"
    with pytest.raises(DesiredStateError) as caught:
        read(tmp_path, document.replace("WAIT", "100"), rules)
    assert caught.value.message == (
        "the desired state desired-state.yaml lets a request of model 'digits' wait 100 ms for its batch, and "
        "PLIMSOLL_OBJECTIVE_MS is 100: it would be late before it runs; lower max_wait_ms"
    )
    assert pairs(read(tmp_path, document.replace("WAIT", "99.5"), rules)) == [("digits", "1")]


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DesiredStateError, match=r"^the desired state none\.yaml cannot be read: No such file"):
        read_desired_state(tmp_path / "none.yaml")
    with pytest.raises(DesiredStateError, match="cannot be read: Is a directory"):
        read_desired_state(tmp_path)


def test_a_file_beyond_the_limit_is_not_parsed(tmp_path: Path) -> None:
    document = "models: [] #" + "x" * MAX_DOCUMENT_BYTES
    assert pairs(read(tmp_path, document[:MAX_DOCUMENT_BYTES])) == []
    with pytest.raises(DesiredStateError, match="is longer than 1048576 bytes"):
        read(tmp_path, document[: MAX_DOCUMENT_BYTES + 1])


def test_without_a_file_the_highest_version_of_every_model_is_desired(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    for version in ("2", "10", "9.9"):
        make_tiny_bundle(version=version)
    make_tiny_bundle(name="alpha", version="1")
    assert pairs(highest_of_each(Shelf(tmp_path / "models"))) == [("alpha", "1"), ("tiny", "10")]


def test_an_empty_shelf_desires_nothing(tmp_path: Path) -> None:
    assert pairs(highest_of_each(Shelf(tmp_path / "none"))) == []


def test_a_folder_whose_name_no_model_can_have_does_not_break_the_rest(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle()
    (tmp_path / "models" / "My_Model" / "1").mkdir(parents=True)
    assert pairs(highest_of_each(Shelf(tmp_path / "models"))) == [("tiny", "1")]
