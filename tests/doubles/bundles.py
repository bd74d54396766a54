"""Ways to spoil a good bundle, or to change one and seal it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.control.version_registry import LoadReport

Fields = dict[str, Any]


def fields_of(bundle: Bundle) -> Fields:
    """The manifest as plain JSON."""
    fields: Fields = json.loads((bundle.path / "manifest.json").read_bytes())
    return fields


def rewrite_manifest(bundle: Bundle, change: Callable[[Fields], object]) -> Bundle:
    """The same bundle with `change` made to its manifest, opened anew."""
    fields = fields_of(bundle)
    change(fields)
    (bundle.path / "manifest.json").write_text(json.dumps(fields))
    return open_bundle(bundle.path)


def without_threshold(bundle: Bundle) -> Bundle:
    """The same bundle of one score a row as it was made before there were thresholds, with its last label only."""

    def change(fields: Fields) -> None:
        output = fields["signature"]["outputs"][0]
        del output["threshold"]
        output["labels"] = output["labels"][-1:]

    return rewrite_manifest(bundle, change)


def replace_file(bundle: Bundle, file: str, content: bytes) -> Bundle:
    """The same bundle with another content in one file and the digest that belongs to it."""
    (bundle.path / file).write_bytes(content)
    return rewrite_manifest(bundle, lambda fields: fields["files"].update({file: hashlib.sha256(content).hexdigest()}))


def as_configmap(bundle: Bundle, mount: Path) -> Path:
    """The bundle as Kubernetes mounts a ConfigMap: every file a link into `..data`, itself a link to a dated folder."""
    dated = mount / "..2024_05_01_12_00_00.123456"
    dated.mkdir(parents=True)
    (mount / "..data").symlink_to(dated.name)
    for file in bundle.path.iterdir():
        (dated / file.name).write_bytes(file.read_bytes())
        (mount / file.name).symlink_to(Path("..data") / file.name)
    return mount


def report_on(bundle: Bundle) -> LoadReport:
    """What loading the bundle might have found out."""
    return LoadReport(
        manifest=bundle.manifest,
        digest=bundle.digest,
        device="cpu",
        parameters=67,
        inline_rows=16,
        loaded_at=datetime(2024, 5, 1, tzinfo=UTC),
        load_seconds=0.25,
        warmup_seconds=0.5,
        batch_seconds={1: 0.001},
    )
