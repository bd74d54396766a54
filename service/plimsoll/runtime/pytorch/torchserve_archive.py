"""Reads a TorchServe archive, a `.mar` file: its manifest, its labels and its weights. Runs nothing of it."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plimsoll.errors import BundleError
from plimsoll.runtime.pytorch.weights_reading import Weights, read_weights

_MANIFEST = "MAR-INF/MANIFEST.json"
_LABELS = "index_to_name.json"
_MOST_ENTRIES = 10_000
_MOST_TEXT_BYTES = 4 << 20
_MOST_RATIO = 100
"""Unpacked weights may have this many times the bytes of the archive, and a gibibyte more."""
_SPARE_BYTES = 1 << 30
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,3}")


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, protected_namespaces=())

    name: str = Field("", alias="modelName")
    version: str | int | float = Field("1", alias="modelVersion")
    handler: str = ""
    file: str | None = Field(None, alias="modelFile")
    weights: str | None = Field(None, alias="serializedFile")


class _Manifest(BaseModel):
    model: _Model


@dataclass(frozen=True, slots=True)
class TorchServeArchive:
    """The manifest of an archive. `handler` is a built-in one by its name, or a file; so is `model_file`."""

    path: Path
    name: str
    version: str
    handler: str
    model_file: str | None
    weights_file: str | None
    labels: list[str] | None
    files: list[str]

    @property
    def bundle_name(self) -> str:
        """The name as a bundle may have it: lower-case letters, digits and dashes."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())[:63].strip("-") or "model"

    @property
    def bundle_version(self) -> str:
        """The version, or 1 if a bundle cannot have it."""
        return self.version if _VERSION.fullmatch(self.version) else "1"

    def weights(self, scratch: Path) -> Weights:
        """The weights as safetensors; a copy of their file is in the folder `scratch` meanwhile.

        Raises:
            BundleError: with check `weights`, when the archive has none, or they are no state dict; the message says
                what to do instead.
        """
        if self.weights_file is None:
            raise BundleError(
                "weights",
                "the archive names no file of weights, so its handler made the model; save model.state_dict() with it",
            )
        with _opened(self.path) as archive, tempfile.TemporaryDirectory(prefix=".from-mar-", dir=scratch) as folder:
            entry = _entry(archive, self.weights_file)
            most = _MOST_RATIO * self.path.stat().st_size + _SPARE_BYTES
            if entry.file_size > most:
                raise BundleError(
                    "weights", f"the weights have {entry.file_size} bytes unpacked, and for this archive at most {most}"
                )
            target = Path(folder) / "weights"
            with archive.open(entry) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            return read_weights(target)


def read_archive(path: Path) -> TorchServeArchive:
    """Read the manifest and the labels of an archive.

    Raises:
        BundleError: with check `files`, when it is no archive of TorchServe.
    """
    with _opened(path) as archive:
        names = archive.namelist()
        if len(names) > _MOST_ENTRIES:
            raise BundleError("files", f"the archive has {len(names)} files, and at most {_MOST_ENTRIES} are read")
        if _MANIFEST not in names:
            raise BundleError("files", f"the file is a zip archive without {_MANIFEST}, so it is none of TorchServe")
        try:
            model = _Manifest.model_validate_json(_text(archive, _MANIFEST)).model
        except ValidationError:
            raise BundleError("files", f"{_MANIFEST} of the archive is not a manifest of TorchServe") from None
        labels = _labels(_text(archive, _LABELS)) if _LABELS in names else None
    named = {_MANIFEST, model.file, model.weights, model.handler}
    return TorchServeArchive(
        path=path,
        name=model.name,
        version=str(model.version),
        handler=model.handler,
        model_file=model.file,
        weights_file=model.weights,
        labels=labels,
        files=[name for name in names if name not in named and not name.endswith("/")],
    )


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as error:
        raise BundleError("files", f"the archive cannot be read: {error.strerror}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError):
        raise BundleError(
            "files",
            "the file is no zip archive that can be read, as torch-model-archiver writes it by default; if it is a "
            "tar.gz, unpack it and give the weights to `plimsoll bundle create`",
        ) from None


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(name)
    except KeyError:
        raise BundleError("weights", "the archive does not hold the file of weights that its manifest names") from None


def _text(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        content = file.read(_MOST_TEXT_BYTES + 1)
    if len(content) > _MOST_TEXT_BYTES:
        raise BundleError("files", f"{name} of the archive has more than {_MOST_TEXT_BYTES} bytes")
    return content


def _labels(document: bytes) -> list[str] | None:
    """The names of the classes in their order, `{"0": name}` or `{"0": [id, name]}`; `None` if it has another form."""
    try:
        content: Any = json.loads(document)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not content or set(content) != {str(place) for place in range(len(content))}:
        return None
    names = [content[str(place)] for place in range(len(content))]
    parts = [each if isinstance(each, list) else [each] for each in names]
    if not all(each and all(isinstance(part, str) for part in each) for each in parts):
        return None
    short = [each[-1] for each in parts]
    return short if len(set(short)) == len(short) else [" ".join(each) for each in parts]
