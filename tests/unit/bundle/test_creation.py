from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.shelf import Shelf
from plimsoll.errors import BundleError

from tests.conftest import MakeBundle
from tests.doubles.bundles import fields_of

Ingredients = tuple[dict[str, Any], dict[str, bytes]]


@pytest.fixture
def ingredients(make_tiny_bundle: MakeBundle) -> Ingredients:
    """The fields and the files of a good bundle."""
    bundle = make_tiny_bundle()
    fields = fields_of(bundle)
    return fields, {name: bundle.read(name) for name in fields.pop("files")}


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """As on a full disk: a write beyond `size` fails half-way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def everything_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_bundle_is_written_under_its_name_and_version(tmp_path: Path, ingredients: Ingredients) -> None:
    bundle = write_bundle(tmp_path / "new", *ingredients)
    assert bundle.path == tmp_path / "new" / "tiny" / "1"
    bundle.verify_files()
    assert everything_under(bundle.path) == ["golden.safetensors", "manifest.json", "weights.safetensors"]


def test_the_same_ingredients_make_the_same_digest(tmp_path: Path, ingredients: Ingredients) -> None:
    assert write_bundle(tmp_path / "a", *ingredients).digest == write_bundle(tmp_path / "b", *ingredients).digest


def test_a_server_under_another_user_may_read_it(tmp_path: Path, ingredients: Ingredients) -> None:
    bundle = write_bundle(tmp_path / "new", *ingredients)
    assert bundle.path.stat().st_mode & 0o777 == 0o755


def test_a_version_that_exists_is_never_written_again(tmp_path: Path, ingredients: Ingredients) -> None:
    first = write_bundle(tmp_path / "new", *ingredients)
    fields, files = ingredients
    with pytest.raises(BundleError, match="tiny 1 exists already; a version never changes, choose the next") as caught:
        write_bundle(tmp_path / "new", fields | {"description": "another"}, files)
    assert caught.value.check == "files"
    assert Shelf(tmp_path / "new").open("tiny", "1") == first


def test_a_disk_that_fills_up_leaves_no_part_of_a_bundle(tmp_path: Path, ingredients: Ingredients) -> None:
    fields, files = ingredients
    write_bundle(tmp_path / "new", fields, files)
    before = everything_under(tmp_path / "new")
    with no_file_longer_than(100), pytest.raises(BundleError, match="cannot be written: File too large") as caught:
        write_bundle(tmp_path / "new", fields | {"version": "2"}, files)
    assert caught.value.check == "files"
    assert everything_under(tmp_path / "new") == before
    assert write_bundle(tmp_path / "new", fields | {"version": "2"}, files).manifest.version == "2"


def test_a_place_that_cannot_hold_folders_is_told_in_one_sentence(tmp_path: Path, ingredients: Ingredients) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BundleError, match="the bundle cannot be written: Not a directory") as caught:
        write_bundle(tmp_path / "file", *ingredients)
    assert caught.value.check == "files"


def test_wrong_fields_leave_nothing_behind(tmp_path: Path, ingredients: Ingredients) -> None:
    fields, files = ingredients
    with pytest.raises(BundleError, match="field 'licence'") as caught:
        write_bundle(tmp_path / "new", {**fields, "licence": None}, files)
    assert caught.value.check == "manifest"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"licence": "\udcff"}, "the field 'licence' of the manifest"),
        ({"metrics": {"a": [{"method": "\ud800"}]}}, "the field 'metrics.a.0.method' of the manifest"),
        ({"metrics": {"\ud800": 1}}, "the field 'metrics' of the manifest"),
        ({"\ud800": 1}, "the name of a field of the manifest"),
    ],
)
def test_half_of_a_character_is_told_by_its_field(
    tmp_path: Path, ingredients: Ingredients, change: dict[str, Any], where: str
) -> None:
    fields, files = ingredients
    with pytest.raises(BundleError) as caught:
        write_bundle(tmp_path / "new", fields | change, files)
    assert (caught.value.check, caught.value.message) == (
        "manifest",
        f"{where} would hold half of a character, which is no text",
    )
    assert not (tmp_path / "new").exists()


def test_a_file_that_would_leave_the_folder_is_refused(tmp_path: Path, ingredients: Ingredients) -> None:
    fields, files = ingredients
    with pytest.raises(BundleError, match="files") as caught:
        write_bundle(tmp_path / "new", fields, {**files, "../escaped": b"x"})
    assert caught.value.check == "manifest"
    assert not (tmp_path / "escaped").exists()


def test_a_half_written_bundle_is_on_no_shelf(tmp_path: Path, ingredients: Ingredients) -> None:
    write_bundle(tmp_path / "new", *ingredients)
    (tmp_path / "new" / "tiny" / ".draft-abc").mkdir()
    assert Shelf(tmp_path / "new").versions() == {"tiny": ["1"]}
