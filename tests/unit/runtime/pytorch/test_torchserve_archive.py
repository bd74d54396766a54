from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from plimsoll.errors import BundleError
from plimsoll.runtime.pytorch.torchserve_archive import read_archive
from safetensors.torch import load, save

from tests.doubles.torchserve import CODE, make_mar


def test_the_manifest_the_labels_and_the_weights_are_read_and_nothing_runs(tmp_path: Path) -> None:
    content = save({"a": torch.ones(3)})
    files: dict[str, bytes | str] = {
        "net.pt": content, "model.py": CODE, "handler.py": CODE, "vocab/words.txt": "a",
        "index_to_name.json": json.dumps({"0": ["n1", "cat"], "1": ["n2", "dog"]}),
    }  # fmt: skip
    path = make_mar(tmp_path / "net.mar", files, modelFile="model.py", handler="handler.py")
    archive = read_archive(path)
    assert (archive.name, archive.version, archive.handler) == ("Dense_Net.161", "1.0", "handler.py")
    assert (archive.bundle_name, archive.bundle_version) == ("dense-net-161", "1.0")
    assert (archive.model_file, archive.weights_file) == ("model.py", "net.pt")
    assert archive.labels == ["cat", "dog"]
    assert archive.files == ["vocab/words.txt", "index_to_name.json"]
    assert archive.weights(tmp_path) == (content, [])
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.mar"], "nothing is left behind"


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ({"0": "cat", "1": "dog"}, ["cat", "dog"]),
        ({"1": "dog", "0": "cat"}, ["cat", "dog"]),
        ({"0": ["n1", "crane"], "1": ["n2", "crane"]}, ["n1 crane", "n2 crane"]),
        ({"0": "cat", "2": "dog"}, None),
        ({"object_type_names": ["cat"]}, None),
        ({"0": [1, 2]}, None),
        ({"0": []}, None),
        ({}, None),
        ([], None),
    ],
)
def test_labels_are_the_names_of_the_classes_in_order(tmp_path: Path, given: Any, labels: list[str] | None) -> None:
    path = make_mar(tmp_path / "net.mar", {"index_to_name.json": json.dumps(given)})
    assert read_archive(path).labels == labels


def test_labels_that_are_no_json_are_none(tmp_path: Path) -> None:
    assert read_archive(make_mar(tmp_path / "net.mar", {"index_to_name.json": "[" * 100_000})).labels is None


@pytest.mark.parametrize(
    ("model", "name", "version"),
    [
        ({"modelName": "../../etc", "modelVersion": "../1"}, "etc", "1"),
        ({"modelName": "___", "modelVersion": 2}, "model", "2"),
        ({"modelName": "A" * 100, "modelVersion": "1.0-rc"}, "a" * 63, "1"),
        ({"modelName": "net", "modelVersion": 1.5}, "net", "1.5"),
    ],
)
def test_a_bundle_gets_a_name_and_a_version_that_it_can_have(
    tmp_path: Path, model: dict[str, Any], name: str, version: str
) -> None:
    archive = read_archive(make_mar(tmp_path / "net.mar", {}, **model))
    assert (archive.bundle_name, archive.bundle_version) == (name, version)


@pytest.mark.parametrize("place", ["../outside.pt", "/etc/passwd", "C:\\net.pt"])
def test_a_path_of_the_manifest_is_only_the_name_of_an_entry(tmp_path: Path, place: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "outside.pt").write_bytes(b"not of the archive")
    missing = read_archive(make_mar(inner / "a.mar", {}, serializedFile=place))
    with pytest.raises(BundleError, match="does not hold the file of weights that its manifest names"):
        missing.weights(inner)
    content = save({"a": torch.ones(3)})
    held = read_archive(make_mar(inner / "b.mar", {place: content}, serializedFile=place))
    assert load(held.weights(inner).content)["a"].tolist() == [1, 1, 1]
    assert (tmp_path / "outside.pt").read_bytes() == b"not of the archive"


def test_an_archive_without_weights_says_that_its_handler_made_the_model(tmp_path: Path) -> None:
    archive = read_archive(make_mar(tmp_path / "net.mar", {}, serializedFile=None))
    with pytest.raises(BundleError, match="names no file of weights, so its handler made the model; save model"):
        archive.weights(tmp_path)


def test_weights_that_unpack_to_far_more_than_the_archive_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plimsoll.runtime.pytorch.torchserve_archive._SPARE_BYTES", 0)
    archive = read_archive(make_mar(tmp_path / "net.mar", {"net.pt": bytes(50_000_000)}))
    with pytest.raises(BundleError, match="the weights have 50000000 bytes unpacked, and for this archive at most"):
        archive.weights(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.mar"]


def spoiled(path: Path) -> Path:
    """The archive with a byte of its compressed weights changed."""
    content = bytearray(path.read_bytes())
    at = content.index(b"net.pt") + len("net.pt") + 20
    content[at : at + 40] = bytes(40)
    path.write_bytes(content)
    return path


def test_weights_whose_bytes_were_changed_are_refused(tmp_path: Path) -> None:
    path = make_mar(tmp_path / "net.mar", {"net.pt": save({"a": torch.randn(1000)})})
    with pytest.raises(BundleError, match="the file is no zip archive that can be read"):
        read_archive(spoiled(path)).weights(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is no zip archive that can be read, as torch-model-archiver writes it by default; if it is a"),
        (b"\x1f\x8b\x08", "the file is no zip archive that can be read"),
        ({"a.txt": "a"}, "the file is a zip archive without MAR-INF/MANIFEST.json, so it is none of TorchServe"),
        ({"MAR-INF/MANIFEST.json": "[]"}, "MAR-INF/MANIFEST.json of the archive is not a manifest of TorchServe"),
        ({"MAR-INF/MANIFEST.json": '{"model": {"handler": 3}}'}, "MAR-INF/MANIFEST.json of the archive is not a"),
        (
            {"MAR-INF/MANIFEST.json": " " * (5 << 20)},
            "MAR-INF/MANIFEST.json of the archive has more than 4194304 bytes",
        ),
        ({f"{n}": "" for n in range(10_001)}, "the archive has 10001 files, and at most 10000 are read"),
    ],
    ids=lambda each: each[:30] if isinstance(each, str) else None,
)
def test_what_is_no_archive_of_torchserve_is_refused(
    tmp_path: Path, content: bytes | dict[str, str], sentence: str
) -> None:
    path = tmp_path / "net.mar"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in content.items():
                archive.writestr(name, text)
    with pytest.raises(BundleError) as caught:
        read_archive(path)
    assert (caught.value.check, caught.value.message[: len(sentence)]) == ("files", sentence)


def test_an_archive_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="the archive cannot be read: No such file or directory"):
        read_archive(tmp_path / "none.mar")
