from __future__ import annotations

import pytest
from plimsoll.bundle.task_files import listed_files, no_file
from plimsoll.errors import BundleError

from tests.conftest import MakeBundle


def test_a_task_reads_a_file_that_the_manifest_lists(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    file = bundle.manifest.model.file
    assert listed_files(bundle.manifest, bundle.read)(file) == (bundle.path / file).read_bytes()


def test_a_file_that_is_not_listed_is_refused_by_its_name(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "words.txt").write_text("one")
    for read_file in (listed_files(bundle.manifest, bundle.read), no_file):
        with pytest.raises(BundleError, match=r"its task reads 'words\.txt'") as caught:
            read_file("words.txt")
        assert caught.value.check == "files"
