"""One bundle on disk: its manifest, and its files read only through their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from plimsoll.bundle.checked_file import CheckedFile, open_plain
from plimsoll.bundle.manifest import MANIFEST_FILE, Manifest, parse_manifest
from plimsoll.errors import BundleError

MAX_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder whose manifest has been read. Its other files are unchecked until `read` or `verify_files`.

    `digest` is the sha256 of the manifest, which holds the digest of every other file: it names the whole bundle.
    """

    path: Path
    manifest: Manifest
    digest: str

    def read(self, file: str) -> bytes:
        """The content of a listed file, the very bytes that were checked against the manifest.

        Raises:
            BundleError: with check `files` when it cannot be read, `digest` when its sha256 is another one.
        """
        with self.open_checked(file) as opened:
            return opened.read(opened.size)

    @contextmanager
    def open_checked(self, file: str) -> Iterator[CheckedFile]:
        """Open a listed file; when the block ends, the bytes that it gave out have the digest of the manifest.

        Trust the bytes that the block has read only then. A wrong digest explains an error of the block, so it is
        raised in its place.

        Raises:
            BundleError: with check `files` when it is no plain file or cannot be read, `digest` when its sha256 is
                another one.
        """
        try:
            with open_plain(self.path / file) as opened:
                try:
                    yield opened
                finally:
                    self._compare(file, opened.sha256())
        except OSError as error:
            raise BundleError("files", f"{file} cannot be read: {error.strerror}") from None

    def verify_place(self) -> None:
        """Check that the bundle lies in `<name>/<version>`, as its manifest says.

        Raises:
            BundleError: with check `manifest`.
        """
        place = self.path.absolute()
        name, version = place.parent.name, place.name
        if (self.manifest.name, self.manifest.version) != (name, version):
            raise BundleError(
                "manifest",
                f"the bundle in {name}/{version} says that it is {self.manifest.name} {self.manifest.version}",
            )

    def verify_files(self) -> None:
        """Check that exactly the listed files exist, each with its digest.

        Skips hidden entries, because Kubernetes puts its own into every mounted ConfigMap.

        Raises:
            BundleError: with check `files` or `digest`.
        """
        try:
            present = {entry.name for entry in self.path.iterdir() if not entry.name.startswith(".")}
        except OSError as error:
            raise BundleError("files", f"the bundle's folder cannot be listed: {error.strerror}") from None
        listed = set(self.manifest.files)
        if missing := sorted(listed - present):
            raise BundleError("files", f"listed in {MANIFEST_FILE} and not there: {', '.join(missing)}")
        if extra := sorted(present - listed - {MANIFEST_FILE}):
            raise BundleError("files", f"there and not listed in {MANIFEST_FILE}: {', '.join(extra)}")
        for file in sorted(listed):
            with self.open_checked(file):
                pass

    def _compare(self, file: str, sha256: str) -> None:
        expected = self.manifest.files[file]
        if sha256 != expected:
            raise BundleError(
                "digest",
                f"{file} was changed after the bundle was made: sha256 is {sha256}, the manifest says {expected}",
            )


def open_bundle(path: Path) -> Bundle:
    """Read the manifest of the bundle in `path`; nothing else is opened.

    Raises:
        BundleError: with check `files` or `manifest`.
    """
    try:
        with open_plain(path / MANIFEST_FILE) as opened:
            document = opened.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise BundleError("files", f"{MANIFEST_FILE} cannot be read: {error.strerror}") from None
    if len(document) > MAX_MANIFEST_BYTES:
        raise BundleError("manifest", f"{MANIFEST_FILE} is longer than {MAX_MANIFEST_BYTES} bytes")
    return Bundle(path, parse_manifest(document), hashlib.sha256(document).hexdigest())
