from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.bundle.shelf import Shelf, version_order
from plimsoll.errors import BundleError

from tests.conftest import MakeBundle

numbers = st.lists(st.integers(0, 999_999_999), min_size=1, max_size=4)


def written(parts: list[int]) -> str:
    return ".".join(str(part) for part in parts)


@given(first=numbers, second=numbers)
def test_versions_are_ordered_by_their_numbers(first: list[int], second: list[int]) -> None:
    assert (version_order(written(first)) < version_order(written(second))) == (first < second)


@given(versions=st.lists(numbers, max_size=6, unique_by=tuple), higher=st.integers(1, 9))
def test_a_raised_last_number_is_higher_than_all_it_started_from(versions: list[list[int]], higher: int) -> None:
    for parts in versions:
        assert version_order(written([*parts[:-1], parts[-1] + higher])) > version_order(written(parts))
        assert version_order(written([*parts, 0])) > version_order(written(parts))


def test_ten_comes_after_nine() -> None:
    assert sorted(["10", "9", "1.10", "1.9", "1"], key=version_order) == ["1", "1.9", "1.10", "9", "10"]


def test_every_model_is_listed_with_its_versions_lowest_first(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    for version in ("10", "2", "1.5"):
        make_tiny_bundle(version=version)
    make_tiny_bundle(name="alpha")
    shelf = Shelf(tmp_path / "models")
    assert shelf.versions() == {"alpha": ["1"], "tiny": ["1.5", "2", "10"]}
    assert list(shelf.versions()) == ["alpha", "tiny"]


def test_what_is_no_version_is_not_listed(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_tiny_bundle()
    (bundle.path.parent / "latest").mkdir()
    (bundle.path.parent / "1.2.3.4.5").mkdir()
    (bundle.path.parent / "2").write_text("a file, no bundle")
    (tmp_path / "models" / "README.md").write_text("about these models")
    assert Shelf(tmp_path / "models").versions() == {"tiny": ["1"]}


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_shelf_that_is_not_there_is_empty(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert Shelf(tmp_path / folder).versions() == {}


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("missing", "the models folder 'missing' does not exist; bundles lie in <name>/<version>/ of the folder that"),
        ("file", "the models folder 'file' is a file; bundles lie in <name>/<version>/ of the folder that"),
        ("empty", "the models folder 'empty' holds no bundle; bundles lie in <name>/<version>/ of the folder that"),
    ],
)
def test_a_folder_without_bundles_is_remarked(tmp_path: Path, folder: str, sentence: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "empty").mkdir()
    (remark,) = Shelf(tmp_path / folder).remarks()
    assert remark == f"{sentence} PLIMSOLL_MODELS_DIR names"


def test_folders_that_are_passed_over_are_remarked_by_name(make_tiny_bundle: MakeBundle) -> None:
    models = make_tiny_bundle().path.parents[1]
    shelf = Shelf(models)
    for usual in (".git", "lost+found", "__pycache__"):
        (models / usual).mkdir()
        (models / "tiny" / usual).mkdir()
    (models / "README.md").write_text("about these models")
    assert shelf.remarks() == []
    (models / "tiny" / "v3").mkdir()
    (models / "Other" / "1").mkdir(parents=True)
    name, version = shelf.remarks()
    assert name == (
        "'Other' in the models folder 'models' is passed over: a model's name is lower-case letters, digits and "
        "dashes, 63 at most"
    )
    assert version == (
        "'tiny/v3' in the models folder 'models' is passed over: a version is one to four numbers joined by dots, "
        "without leading zeros"
    )
    (models / "tiny" / b"\xff".decode("utf-8", "surrogateescape")).mkdir()
    assert "'tiny/\\xff' in the models folder 'models' is passed over" in shelf.remarks()[-1]
    for number in range(40):
        (models / "tiny" / f"v{number}").mkdir(exist_ok=True)
    assert len(shelf.remarks()) == 21
    assert shelf.remarks()[-1] == "and 22 more folders are passed over"


def test_a_bundle_without_a_folder_for_its_version_is_remarked(make_tiny_bundle: MakeBundle) -> None:
    models = make_tiny_bundle().path.parents[1]
    (models / "flat").mkdir()
    (models / "flat" / "manifest.json").write_text("{}")
    assert Shelf(models).remarks() == [
        "'flat' in the models folder 'models' is passed over: it holds no folder of a version"
    ]


def test_the_disk_is_read_anew_at_every_call(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "models")
    assert shelf.versions() == {}
    bundle = make_tiny_bundle()
    assert shelf.open("tiny", "1") == bundle


def test_a_bundle_that_is_not_there_is_refused_with_a_list_of_what_is(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle(version="2")
    make_tiny_bundle(version="10")
    make_tiny_bundle(name="alpha")
    with pytest.raises(BundleError) as caught:
        Shelf(tmp_path / "models").open("tiny", "3")
    assert caught.value.check == "files"
    assert caught.value.message == "there is no bundle of tiny version 3; bundles there: alpha 1; tiny 2, 10"


def test_where_there_is_no_bundle_at_all_the_folder_is_named_with_what_is_odd(tmp_path: Path) -> None:
    (tmp_path / "models" / "tiny" / "v1").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "v2").mkdir()
    with pytest.raises(BundleError) as caught:
        Shelf(tmp_path / "models").open("tiny", "1")
    assert caught.value.message == (
        "there is no bundle of tiny version 1; 'tiny/v1' in the models folder 'models' is passed over: a version is "
        "one to four numbers joined by dots, without leading zeros; the models folder 'models' holds no bundle; "
        "bundles lie in <name>/<version>/ of the folder that PLIMSOLL_MODELS_DIR names"
    )
    with pytest.raises(BundleError) as caught:
        Shelf(tmp_path / "missing").open("tiny", "1")
    assert caught.value.message == (
        "there is no bundle of tiny version 1; the models folder 'missing' does not exist; bundles lie in "
        "<name>/<version>/ of the folder that PLIMSOLL_MODELS_DIR names"
    )


@pytest.mark.parametrize(("name", "version"), [("..", "1"), ("tiny", "../tiny/1"), ("../models/tiny", "1"), ("", "1")])
def test_no_name_or_version_leads_off_the_shelf(
    make_tiny_bundle: MakeBundle, tmp_path: Path, name: str, version: str
) -> None:
    make_tiny_bundle()
    with pytest.raises(BundleError, match="there is no bundle of"):
        Shelf(tmp_path / "models").open(name, version)


@pytest.mark.parametrize(
    ("folder", "version", "sentence"),
    [
        ("other", "1", "the bundle in other/1 says that it is tiny 1"),
        ("tiny", "2", "the bundle in tiny/2 says that it is tiny 1"),
    ],
)
def test_a_bundle_in_the_wrong_folder_is_refused(
    make_tiny_bundle: MakeBundle, tmp_path: Path, folder: str, version: str, sentence: str
) -> None:
    bundle = make_tiny_bundle()
    (tmp_path / "models" / folder).mkdir(exist_ok=True)
    bundle.path.rename(tmp_path / "models" / folder / version)
    with pytest.raises(BundleError) as caught:
        Shelf(tmp_path / "models").open(folder, version)
    assert caught.value.check == "manifest"
    assert caught.value.message == sentence


def test_a_model_folder_may_be_a_link(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_tiny_bundle()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "tiny").symlink_to(bundle.path.parent)
    assert Shelf(tmp_path / "linked").open("tiny", "1").digest == bundle.digest
