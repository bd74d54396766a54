"""The files of a bundle that its task reads, such as a vocabulary."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.bundle.manifest import Manifest
from plimsoll.errors import BundleError
from plimsoll.quoting import quote

ReadFile = Callable[[str], bytes]
"""The content of a file of the bundle by its name; raises a `BundleError` for one that is missing or was changed."""


def no_file(file: str) -> bytes:
    """The file of a bundle that has none.

    Raises:
        BundleError: always, with check `files`.
    """
    raise BundleError("files", f"its task reads {quote(file)}, and there is no such file")


def listed_files(manifest: Manifest, read: ReadFile) -> ReadFile:
    """Reads only what the manifest lists; another file is a `BundleError` with check `files`."""

    def read_listed(file: str) -> bytes:
        if file not in manifest.files:
            raise BundleError("files", f"its task reads {quote(file)}, which 'files' of the manifest does not list")
        return read(file)

    return read_listed
