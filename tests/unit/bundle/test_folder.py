from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.bundle.folder import MAX_MANIFEST_BYTES, open_bundle
from plimsoll.errors import BundleError

from tests.conftest import MakeBundle
from tests.doubles.bundles import as_configmap, rewrite_manifest

flips = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
"""Where in a file a byte is changed, and by which bits."""


@contextmanager
def one_byte_changed(path: Path, flipped: tuple[float, int]) -> Iterator[None]:
    before = path.read_bytes()
    content = bytearray(before)
    content[int(flipped[0] * len(content))] ^= flipped[1]
    path.write_bytes(content)
    yield
    path.write_bytes(before)


def test_a_fresh_bundle_passes_its_own_check(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    bundle.verify_files()
    assert open_bundle(bundle.path) == bundle


def test_reading_gives_the_bytes_of_the_file(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    assert bundle.read("weights.safetensors") == (bundle.path / "weights.safetensors").read_bytes()


def test_one_changed_byte_in_a_file_is_refused(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()

    @given(file=st.sampled_from(["weights.safetensors", "golden.safetensors"]), flipped=flips)
    def holds(file: str, flipped: tuple[float, int]) -> None:
        with one_byte_changed(bundle.path / file, flipped):
            for check in (bundle.verify_files, lambda: bundle.read(file)):
                with pytest.raises(BundleError) as caught:
                    check()
                assert caught.value.check == "digest"
                given = hashlib.sha256((bundle.path / file).read_bytes()).hexdigest()
                assert caught.value.message == (
                    f"{file} was changed after the bundle was made: sha256 is {given}, the manifest says "
                    f"{bundle.manifest.files[file]}"
                )
        bundle.verify_files()

    holds()


def test_one_changed_byte_in_the_manifest_is_refused_or_shows_in_the_digest(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()

    @given(flipped=flips)
    def holds(flipped: tuple[float, int]) -> None:
        with one_byte_changed(bundle.path / "manifest.json", flipped):
            assert digest_or_failed_check(bundle.path) not in ("files", bundle.digest)

    holds()


def digest_or_failed_check(path: Path) -> str:
    try:
        return open_bundle(path).digest
    except BundleError as error:
        return error.check


def test_a_file_that_nobody_listed_is_refused(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "extra.py").write_text("print('hello')")
    with pytest.raises(BundleError, match=r"there and not listed in manifest\.json: extra\.py") as caught:
        bundle.verify_files()
    assert caught.value.check == "files"


def test_a_folder_that_nobody_listed_is_refused(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "code").mkdir()
    with pytest.raises(BundleError, match=r"not listed in manifest\.json: code"):
        bundle.verify_files()


def test_a_missing_file_is_named(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match=r"listed in manifest\.json and not there: weights\.safetensors") as caught:
        bundle.verify_files()
    assert caught.value.check == "files"
    with pytest.raises(BundleError, match=r"weights\.safetensors cannot be read: No such file"):
        bundle.read("weights.safetensors")


def test_a_folder_in_the_place_of_a_file_is_refused(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "weights.safetensors").unlink()
    (bundle.path / "weights.safetensors").mkdir()
    with pytest.raises(BundleError, match=r"weights\.safetensors cannot be read: Is a directory") as caught:
        bundle.verify_files()
    assert caught.value.check == "files"


def test_a_bundle_that_vanished_after_it_was_opened_is_told(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    shutil.rmtree(bundle.path)
    with pytest.raises(BundleError, match="the bundle's folder cannot be listed: No such file"):
        bundle.verify_files()


def test_hidden_entries_are_passed_over(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / ".DS_Store").write_bytes(b"\x00")
    (bundle.path / ".git").mkdir()
    bundle.verify_files()


def test_a_bundle_mounted_from_a_configmap_is_whole(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_tiny_bundle()
    mounted = open_bundle(as_configmap(bundle, tmp_path / "mounts" / "tiny" / "1"))
    mounted.verify_files()
    assert mounted.read("golden.safetensors") == bundle.read("golden.safetensors")
    assert mounted.digest == bundle.digest


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json cannot be read: No such file") as caught:
        open_bundle(tmp_path)
    assert caught.value.check == "files"


def test_a_manifest_beyond_the_limit_is_refused_and_one_at_the_limit_is_read(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    bare = rewrite_manifest(bundle, lambda fields: fields.update(description=""))
    room = MAX_MANIFEST_BYTES - (bare.path / "manifest.json").stat().st_size
    full = rewrite_manifest(bundle, lambda fields: fields.update(description="x" * room))
    assert len(full.manifest.description) == room
    with pytest.raises(BundleError, match=r"manifest\.json is longer than 1048576 bytes") as caught:
        rewrite_manifest(bundle, lambda fields: fields.update(description="x" * (room + 1)))
    assert caught.value.check == "manifest"
