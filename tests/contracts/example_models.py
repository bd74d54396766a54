"""The bundles of this repository, and the words of NOTICE about them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.manifest import Manifest

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples" / "models"
_PACKAGE = re.compile(r"([@A-Za-z][\w@./-]*) (\d+\.\d[\w.~+-]*)")
_LICENCE = re.compile(
    r"\b(?:MIT|Apache-2\.0|BSD-3-Clause|GPL-3|CC0|CC BY(?:-SA)? \d\.\d|PDDL|Public Domain Dedication|Expat"
    r"|public domain|no(?:ne)? stated)\b"
)
_SAME = {"no stated": "none stated", "Public Domain Dedication": "PDDL"}


class Model(NamedTuple):
    """A bundle in the repository."""

    folder: Path
    manifest: Manifest

    def __str__(self) -> str:
        return f"{self.manifest.name} {self.manifest.version}"

    @property
    def place(self) -> str:
        """The folder of all its versions, as NOTICE names it."""
        return f"{self.folder.parent.relative_to(REPOSITORY).as_posix()}/"

    def sizes(self) -> dict[str, int]:
        """The bytes of each file, by name."""
        return {file.name: file.stat().st_size for file in sorted(self.folder.iterdir())}


def models_of(folder: Path) -> list[Model]:
    """The bundles below a folder, by name and version."""
    return [Model(file.parent, open_bundle(file.parent).manifest) for file in sorted(folder.glob("*/*/manifest.json"))]


MODELS = [each for each in models_of(EXAMPLES) if each.manifest.name != "minilm"]
"""The bundles of examples/models that the repository has: `python -m training.minilm` makes another there."""
ALL = [*models_of(REPOSITORY / "models"), *models_of(REPOSITORY / "examples" / "onnx-models"), *MODELS]
"""Every bundle of the repository that is no double of a test."""


def packages_of(source: str) -> list[tuple[str, str]]:
    """The packages that a manifest names as its source, each with its version."""
    return [(name, version.rstrip(".")) for name, version in _PACKAGE.findall(source)]


def licences_of(words: str) -> set[str]:
    """The licences that a text names; a licence that nobody states is one of them."""
    return {_SAME.get(each, each) for each in _LICENCE.findall(words)}


def paragraphs_about(notice: str, words: list[str]) -> str:
    """The paragraphs of NOTICE that hold one of these words."""
    return "\n\n".join(part for part in notice.split("\n\n") if any(word in part for word in words))


def shortfalls(notice: str, model: Model) -> list[str]:
    """What NOTICE lacks about the data and the weights of a bundle, in words; empty if it has everything."""
    text = " ".join(notice.split())
    found = [] if model.place in text else [f"the folder {model.place}"]
    data = model.manifest.training_data
    if data is None:
        return [*found, f"the manifest of {model} has no training_data"]
    packages = packages_of(data.source)
    if not packages:
        found.append(f"a package with its version: the source of {model} is '{data.source}'")
    about = " ".join(paragraphs_about(notice, [model.place, *(name for name, _ in packages)]).split())
    for name, version in packages:
        found += [f"{name} {version}"] if name not in about or version not in about else []
    return found + sorted(licences_of(data.licence) - licences_of(about))
