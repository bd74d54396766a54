from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from service.bundle.shelf import Shelf
from service.control.desired_state import MAX_DOCUMENT_BYTES, DesiredState, highest_of_each, read_desired_state
from service.errors import DesiredStateError
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


def read(folder: Path, document: str | bytes) -> DesiredState:
    file = folder / "desired-state.yaml"
    file.write_bytes(document.encode() if isinstance(document, str) else document)
    return read_desired_state(file)


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


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DesiredStateError, match=r"the desired state .*/none\.yaml cannot be read: No such file"):
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
