"""Only plain files are opened: a FIFO would block for ever, and a device may do anything."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from plimsoll.bundle.checked_file import CheckedFile, open_plain
from plimsoll.bundle.folder import open_bundle
from plimsoll.errors import BundleError

from tests.conftest import MakeBundle

FILES = ["manifest.json", "weights.safetensors", "golden.safetensors"]


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_a_fifo(path: Path) -> None:
    os.mkfifo(path.with_name(".fifo"))
    path.symlink_to(path.with_name(".fifo"))


def bind_a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(path))  # the address of a socket is short


@pytest.mark.parametrize("put", [make_fifo, link_to_a_device, link_to_a_fifo, bind_a_socket])
@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_no_plain_file_is_refused_unopened(
    make_tiny_bundle: MakeBundle, file: str, put: Callable[[Path], None]
) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / file).unlink()
    put(bundle.path / file)
    errors: list[BundleError] = []

    def open_all() -> None:
        try:
            open_bundle(bundle.path).verify_files()
        except BundleError as error:
            errors.append(error)

    opening = threading.Thread(target=open_all, daemon=True)  # which a FIFO would keep for ever
    opening.start()
    opening.join(30)
    (error,) = errors
    assert error.check == "files"
    assert error.message == f"{file} cannot be read: it is no plain file and was not opened"


def test_a_link_to_a_plain_file_is_read(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "golden.safetensors").rename(tmp_path / "elsewhere")
    (bundle.path / "golden.safetensors").symlink_to(tmp_path / "elsewhere")
    bundle.verify_files()


def test_a_file_that_grows_is_read_to_the_end_that_it_had(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    with open_plain(file) as opened:
        with file.open("ab") as more:
            more.write(b"def")
        assert opened.read(10) == b"abc"
        assert opened.read(10) == b""
        assert opened.sha256() == CheckedFile(io.BytesIO(b"abc"), 3).sha256()


def test_a_file_that_is_cut_short_while_it_is_read_has_another_digest(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()

    def read_while_it_shrinks() -> None:
        with bundle.open_checked("weights.safetensors") as opened:
            os.truncate(bundle.path / "weights.safetensors", 5)
            assert len(opened.read(opened.size)) == 5

    with pytest.raises(BundleError, match=r"weights\.safetensors was changed after the bundle was made") as caught:
        read_while_it_shrinks()
    assert caught.value.check == "digest"


def test_a_wrong_digest_explains_what_went_wrong_while_the_file_was_read(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(BundleError, match="was changed"), bundle.open_checked("weights.safetensors"):
        raise BundleError("weights", "this is not a safetensors file")
