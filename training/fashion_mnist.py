"""The data: Fashion-MNIST, as the Debian package `dataset-fashion-mnist` carries it.

The package is fetched and unpacked as an archive; none of its code is run.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.mnist_digits import Digits
from training.packages import DataError, debian_package

PACKAGE = "dataset-fashion-mnist"
ARCHIVE = "dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb"
ARCHIVE_SHA256 = "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0"
NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
"""The classes, in the order of the labels."""
MEAN, DEVIATION = 0.2860, 0.3530
"""Of the pixels of the training part, from 0 to 1."""
_FOLDER = "./usr/share/datasets/fashion-mnist/"
_HEADER_OF_PICTURES, _HEADER_OF_LABELS = 16, 8


def load_garments(folder: Path) -> tuple[Digits, Digits]:
    """The official training part (60 000) and test part (10 000); fetched into `folder` where missing.

    Raises:
        DataError: when the package cannot be fetched, or the archive is not the one known here.
    """
    return _read(debian_package(folder, PACKAGE, ARCHIVE, ARCHIVE_SHA256).read_bytes())


def _read(content: bytes) -> tuple[Digits, Digits]:
    with tarfile.open(fileobj=io.BytesIO(_member(content, "data.tar"))) as package:
        parts = []
        for part in ("train", "t10k"):
            pictures = _unpacked(package, f"{part}-images-idx3-ubyte.gz")[_HEADER_OF_PICTURES:]
            labels = _unpacked(package, f"{part}-labels-idx1-ubyte.gz")[_HEADER_OF_LABELS:]
            rows = np.frombuffer(pictures, np.uint8).reshape(-1, 28 * 28)
            parts.append(Digits(rows, np.frombuffer(labels, np.uint8)))
    return parts[0], parts[1]


def _member(archive: bytes, name: str) -> bytes:
    """The member of an `ar` archive, which a Debian package is, whose name begins so."""
    at = len(b"!<arch>\n")
    while at < len(archive):
        head = archive[at : at + 60]
        size = int(head[48:58])
        if head[:16].decode().startswith(name):
            return archive[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    raise DataError(f"{ARCHIVE} has no {name}")


def _unpacked(package: tarfile.TarFile, name: str) -> NDArray[np.uint8]:
    member = package.extractfile(_FOLDER + name)
    if member is None:
        raise DataError(f"{ARCHIVE} has no {name}")
    return np.frombuffer(gzip.decompress(member.read()), np.uint8)


def held_out_rows(test: Digits, each: int) -> NDArray[np.int32]:
    """Rows of the test part: of each class the pictures whose pixels have the lowest SHA-256, ascending."""
    hashes = np.array([hashlib.sha256(row.tobytes()).hexdigest() for row in test.pixels])
    chosen = [
        rows[np.argsort(hashes[rows])][:each]
        for rows in (np.flatnonzero(test.labels == label) for label in range(len(NAMES)))
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int32)
