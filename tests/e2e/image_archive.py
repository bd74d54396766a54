"""Size and labels of an image, read from its archive (OCI layout, or what `docker save` writes)."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import IO, Any


def unpacked_bytes(archive: Path) -> int:
    """The sum of the sizes of the files in all layers."""
    with tarfile.open(archive) as image:
        return sum(_files_in(_member(image, layer)) for layer in _layers(image))


def labels(archive: Path) -> dict[str, str]:
    """What the image says of itself."""
    with tarfile.open(archive) as image:
        if _is_dockers(image):
            config = _document(image, "manifest.json")[0]["Config"]
        else:
            config = _blob(_oci_manifest(image)["config"]["digest"])
        found: dict[str, str] = _document(image, config)["config"]["Labels"]
        return found


def _layers(image: tarfile.TarFile) -> list[str]:
    if _is_dockers(image):
        layers: list[str] = _document(image, "manifest.json")[0]["Layers"]
        return layers
    return [_blob(layer["digest"]) for layer in _oci_manifest(image)["layers"]]


def _is_dockers(image: tarfile.TarFile) -> bool:
    return "manifest.json" in image.getnames()


def _oci_manifest(image: tarfile.TarFile) -> Any:
    return _document(image, _blob(_document(image, "index.json")["manifests"][0]["digest"]))


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _document(image: tarfile.TarFile, name: str) -> Any:
    return json.load(_member(image, name))


def _member(image: tarfile.TarFile, name: str) -> IO[bytes]:
    found = image.extractfile(name)
    if found is None:
        raise ValueError(f"{name} in the archive is not a file")
    return found


def _files_in(layer: IO[bytes]) -> int:
    with tarfile.open(fileobj=layer, mode="r|*") as files:
        return sum(each.size for each in files if each.isfile())
