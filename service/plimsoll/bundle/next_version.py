"""The next version of a bundle: its number, and the fields of its manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.manifest import MANIFEST_FILE, VERSION
from plimsoll.errors import BundleError
from plimsoll.quoting import quote

SCHEMA = 2
"""Of new manifests, unless they use a field that came later: servers that know no other read them as well."""
_MOST_NUMBERS = 4
"""Of a version."""


def version_after(version: str) -> str:
    """The version with `.1` added: after this one, and before the next one of a new training.

    Raises:
        BundleError: with check `manifest`, when the version has as many numbers as a version can have.
    """
    if version.count(".") + 1 == _MOST_NUMBERS:
        raise BundleError("manifest", f"no version follows {version} by one more number; give one with --version")
    return f"{version}.1"


def check_version(version: str) -> None:
    """Refuse a version that no manifest can have, before a bundle is made of much work.

    Raises:
        BundleError: with check `manifest`.
    """
    if not VERSION.fullmatch(version):
        raise BundleError(
            "manifest",
            f"a version is one to four numbers joined by dots, without leading zeros, and {quote(version)} is given",
        )


def fields_in_its_words(bundle: Bundle) -> dict[str, Any]:
    """The fields of a manifest as its file has them, without `files`."""
    fields: dict[str, Any] = json.loads((bundle.path / MANIFEST_FILE).read_bytes())
    del fields["files"]
    return fields


def next_fields(bundle: Bundle, version: str, model: Mapping[str, Any], schema: int = SCHEMA) -> dict[str, Any]:
    """The fields of a new manifest, without `files`: those of the old one in its words, with another model."""
    return {
        **fields_in_its_words(bundle),
        "schema_version": max(schema, bundle.manifest.schema_version),
        "version": version,
        "task": bundle.manifest.task,
        "model": dict(model),
    }
