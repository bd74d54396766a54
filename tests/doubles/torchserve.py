"""Archives of TorchServe, with the files that torch-model-archiver puts into them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import torch

CODE = "raise SystemExit('this ran')\n"


def saved(content: Any) -> bytes:
    """The file of torch.save."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def make_mar(path: Path, files: dict[str, bytes | str], **model: Any) -> Path:
    """Write an archive with a manifest of these fields of its model."""
    fields = {"modelName": "Dense_Net.161", "modelVersion": "1.0", "serializedFile": "net.pt", **model}
    manifest = {
        "createdOn": "28/11/2025 10:00:00",
        "runtime": "python",
        "model": {name: value for name, value in fields.items() if value is not None},
        "archiverVersion": "0.12.0",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest, indent=2))
    return path
