"""Writes a bundle to disk, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.bundle.manifest import MANIFEST_FILE, Manifest, parse_manifest
from plimsoll.bundle.task_files import ReadFile, listed_files
from plimsoll.drafts import make_folder
from plimsoll.errors import BundleError


def write_bundle(
    folder: Path,
    fields: Mapping[str, Any],
    files: Mapping[str, bytes],
    check: Callable[[Manifest, ReadFile], object] = lambda *_: None,
) -> Bundle:
    """Write `files` and a manifest of `fields` into `<folder>/<name>/<version>`.

    `fields` is the manifest without `files`; their digests are filled in here. The bundle appears under its final name
    only when complete: a full disk, a wrong field or what `check` raises leaves nothing behind.

    Raises:
        BundleError: with check `manifest` for wrong fields, `files` when the bundle exists or cannot be written.
    """
    check_text(fields)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    document = json.dumps({**fields, "files": digests}, indent=2, ensure_ascii=False).encode() + b"\n"
    manifest = parse_manifest(document)
    check(manifest, listed_files(manifest, files.__getitem__))
    target = folder / manifest.name / manifest.version
    if target.exists():
        raise BundleError(
            "files", f"{manifest.name} {manifest.version} exists already; a version never changes, choose the next one"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            make_folder(target, {**files, MANIFEST_FILE: document})
        except BaseException:
            with contextlib.suppress(OSError):
                target.parent.rmdir()  # if this would have been the first version
            raise
    except OSError as error:
        raise BundleError("files", f"the bundle cannot be written: {error.strerror}") from None
    return open_bundle(target)


def check_text(value: object, field: str = "") -> None:
    """Refuse half of a character, which JSON can escape and a terminal can hand over, and no UTF-8 file can hold.

    Raises:
        BundleError: with check `manifest`; the message names the field of the manifest that it is in.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            where = f"the field '{field}' of the manifest" if field else "the name of a field of the manifest"
            raise BundleError("manifest", f"{where} would hold half of a character, which is no text") from None
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            check_text(name, field)
            check_text(inner, f"{field}.{name}" if field else name)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            check_text(inner, f"{field}.{index}")
