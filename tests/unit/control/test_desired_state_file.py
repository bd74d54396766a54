from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import NO_RULES, DesiredState, StateRules, read_desired_state
from plimsoll.control.desired_state_file import DesiredStateFile
from plimsoll.errors import DesiredStateNotWritable, InvalidInput, NotFound, PlimsollError

from tests.conftest import MakeBundle

ONE = 'models: [{name: tiny, versions: [{version: "1"}], limits: {queue_limit: 5}}]'
Change = Callable[[], DesiredState]
TWO = 'models: [{name: tiny, versions: [{version: "1", weight: 100}, {version: "2", weight: 0}]}]'


class Desired:
    """A desired state on disk, with bundles 1 to 3 of the tiny model."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "desired.yaml"
        self.shelf = Shelf(folder / "models")

    def file(self, text: str = ONE, rules: StateRules = NO_RULES) -> DesiredStateFile:
        """The writer of a file that holds this text."""
        self.path.write_text(text)
        return DesiredStateFile(self.path, self.shelf, rules)

    @property
    def weights(self) -> dict[str, int | None]:
        """Weight by version of the first model, as it stands on disk."""
        return {each.version: each.weight for each in read_desired_state(self.path).models[0].versions}


@pytest.fixture
def desired(make_tiny_bundle: MakeBundle, tmp_path: Path) -> Desired:
    for version in ("1", "2", "3"):
        make_tiny_bundle(version=version)
    return Desired(tmp_path)


def test_each_change_is_on_disk_as_it_was_returned(desired: Desired) -> None:
    file = desired.file()
    changes: list[Change] = [
        lambda: file.load("tiny", "2"),
        lambda: file.weigh("tiny", {"1": 30, "2": 70}),
        lambda: file.load("tiny", "3", force=True),
        lambda: file.reload("tiny", "2"),
        lambda: file.weigh("tiny", {"1": 100, "2": 0, "3": 0}),
        lambda: file.unload("tiny", "2"),
        lambda: file.unload("tiny", "3"),
        lambda: file.unload("tiny", "1"),
        lambda: file.load("tiny", "1"),
    ]
    for change in changes:
        assert change() == read_desired_state(desired.path)


def test_a_model_is_renewed_in_its_highest_version_which_is_added_once_and_then_loaded_again(desired: Desired) -> None:
    file = desired.file()
    assert [file.renew("tiny"), file.renew("tiny"), file.renew("tiny", "1")] == ["3"] * 2 + ["1"]
    (model,) = read_desired_state(desired.path).models
    first, third = model.versions
    assert (first.version, first.generation, third.version) == ("1", 1, "3")
    assert third.generation > 1, "a generation that it has not had, since it may have been served before"
    with pytest.raises(NotFound, match="there is no bundle of model 'other'") as caught:
        file.renew("other")
    assert (caught.value.code, caught.value.expected) == ("model_not_found", "tiny")


def test_a_version_that_is_renewed_next_to_weighted_ones_gets_no_requests_by_weight(desired: Desired) -> None:
    desired.file(TWO).renew("tiny")
    assert desired.weights == {"1": 100, "2": 0, "3": 0}


def test_a_model_is_unloaded_with_all_its_versions(desired: Desired) -> None:
    file = desired.file(TWO)
    assert file.unload("tiny").models == []
    with pytest.raises(NotFound, match="no model 'tiny' is desired"):
        file.unload("tiny")


def test_a_reload_raises_the_generation_and_keeps_the_rest(desired: Desired) -> None:
    (model,) = desired.file(TWO).reload("tiny", "2").models
    assert [(each.version, each.weight, each.generation) for each in model.versions] == [("1", 100, 0), ("2", 0, 1)]
    assert desired.file().reload("tiny", "1").models[0].limits.queue_limit == 5


@pytest.mark.parametrize(
    "weights",
    [
        {"1": -1, "2": 101},
        {"1": 99, "2": 0},
        {"1": 100},
        {"1": 50.0, "2": 50.0},
        {"1": True, "2": 99},
        {"1": "1", "2": 99},
    ],
    ids=str,
)
def test_weights_that_could_not_be_read_back_are_refused_and_nothing_is_written(
    desired: Desired, weights: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        desired.file(TWO).weigh("tiny", weights)
    assert desired.path.read_text() == TWO


@given(
    changes=st.lists(
        st.tuples(st.sampled_from(["load", "unload", "reload", "renew"]), st.sampled_from(["1", "2", "3", "4", "x"]))
        | st.dictionaries(
            st.sampled_from(["1", "2", "3", "9"]), st.integers(-200, 200) | st.sampled_from([0, 50, 100])
        ),
        max_size=8,
    )
)
def test_whatever_is_asked_for_the_file_can_be_read_by_every_worker(desired: Desired, changes: list[Any]) -> None:
    file = desired.file()
    for change in changes:
        before = desired.path.read_text()
        try:
            made: DesiredState | str | None = (
                file.weigh("tiny", change) if isinstance(change, dict) else getattr(file, change[0])("tiny", change[1])
            )
            if isinstance(made, str):
                made = read_desired_state(desired.path)
        except (InvalidInput, NotFound):
            made = None
        state = read_desired_state(desired.path)
        assert state == made if made is not None else desired.path.read_text() == before


@pytest.mark.parametrize(
    ("model", "version", "code", "expected"),
    [
        ("tiny", "9", "version_not_found", "1, 2, 3"),
        ("other", "1", "model_not_found", "tiny"),
    ],
)
def test_a_version_without_a_bundle_is_not_loaded_and_those_there_are_listed(
    desired: Desired, model: str, version: str, code: str, expected: str
) -> None:
    with pytest.raises(NotFound) as caught:
        desired.file().load(model, version)
    assert caught.value.message == f"there is no bundle of model '{model}' version '{version}'"
    assert (caught.value.code, caught.value.expected) == (code, expected)
    assert desired.path.read_text() == ONE


def test_a_version_whose_bundle_is_gone_is_not_reloaded_nor_weighed_and_can_be_unloaded(desired: Desired) -> None:
    file = desired.file('models: [{name: tiny, versions: [{version: "1", weight: 100}, {version: "8", weight: 0}]}]')
    changes: list[Change] = [lambda: file.reload("tiny", "8"), lambda: file.weigh("tiny", {"1": 50, "8": 50})]
    for change in changes:
        with pytest.raises(NotFound, match="there is no bundle of model 'tiny' version '8'"):
            change()
    file.weigh("tiny", {"1": 100, "8": 0})
    file.unload("tiny", "8")
    assert desired.weights == {"1": 100}


def test_a_bundle_without_a_usable_manifest_is_not_loaded(desired: Desired, tmp_path: Path) -> None:
    (tmp_path / "models" / "tiny" / "4").mkdir()
    with pytest.raises(
        InvalidInput, match=r"^the bundle of tiny 4 cannot be served: manifest\.json cannot be read: No such file"
    ):
        desired.file().load("tiny", "4")
    assert desired.path.read_text() == ONE


@pytest.mark.parametrize(("model", "version"), [("tiny", "latest"), ("Tiny", "1"), ("../tiny", "1"), ("tiny", "1\n")])
def test_names_that_no_bundle_can_have_are_refused(desired: Desired, model: str, version: str) -> None:
    with pytest.raises(InvalidInput):
        desired.file().load(model, version)


def test_where_the_chart_splits_no_weights_are_written(desired: Desired) -> None:
    with pytest.raises(DesiredStateNotWritable, match="PLIMSOLL_TRACK is set"):
        desired.file(rules=StateRules(may_split=False)).weigh("tiny", {"1": 100})
    assert desired.path.read_text() == ONE
    desired.file(rules=StateRules(may_split=False)).load("tiny", "2")
    assert desired.weights == {"1": None, "2": None}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"models: [", "is not YAML"),
        ("models: []".encode("utf-16"), "is not UTF-8 text (UTF-16)"),
        (b"models: [{name: tiny, versions: [{version: '1', weight: 101}]}]", "has wrong fields"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_state_that_cannot_be_used_is_not_changed_and_the_reason_is_told(
    desired: Desired, text: bytes | None, told: str
) -> None:
    file = desired.file()
    desired.path.unlink()
    if text is not None:
        desired.path.write_bytes(text)
    changes: list[Change] = [lambda: file.load("tiny", "2"), lambda: file.weigh("tiny", {"1": 100})]
    for change in changes:
        with pytest.raises(DesiredStateNotWritable, match="nothing is changed, because ") as caught:
            change()
        assert told in caught.value.message
    assert text is None or desired.path.read_bytes() == text


def test_a_state_mounted_by_kubernetes_is_read_and_not_written(desired: Desired, tmp_path: Path) -> None:
    data = tmp_path / "..2026_01_01"
    data.mkdir()
    (data / "desired.yaml").write_text(ONE)
    (tmp_path / "..data").symlink_to(data.name)
    file = desired.file()
    desired.path.unlink()
    desired.path.symlink_to("..data/desired.yaml")
    assert desired.weights == {"1": None}
    with pytest.raises(DesiredStateNotWritable, match="is a symbolic link") as caught:
        file.load("tiny", "2")
    assert caught.value.status == 409
    assert desired.path.is_symlink()
    assert (data / "desired.yaml").read_text() == ONE


def test_a_change_that_would_grow_the_file_beyond_what_is_read_is_refused(
    desired: Desired, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = desired.file()
    monkeypatch.setattr("plimsoll.yaml_file.MAX_DOCUMENT_BYTES", len(ONE) + 3)
    with pytest.raises(PlimsollError, match="is longer than"):
        file.load("tiny", "2")
    assert desired.path.read_text() == ONE


def test_every_change_is_in_the_log(desired: Desired, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "plimsoll"):
        desired.file(TWO).weigh("tiny", {"1": 50, "2": 50})
    assert "desired state changed: weigh tiny {'1': 50, '2': 50}" in caplog.text
