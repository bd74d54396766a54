"""Sentences and words that people have rated from -4, very negative, to 4, in the source package of VADER."""

from __future__ import annotations

import hashlib
import html
import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.packages import python_package

PACKAGE = (
    "vaderSentiment==3.3.2",
    "vaderSentiment-3.3.2.tar.gz",
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
)
TWEETS, PRODUCTS, FILMS, NEWS = "tweets", "amazonReviewSnippets", "movieReviewSnippets", "nytEditorialSnippets"
_FOLDER = "vaderSentiment-3.3.2"
_PARTS = 10


@dataclass(frozen=True)
class RatedText:
    """A text with the mean of its ratings. Texts of one `group` belong on one side of every split."""

    source: str
    group: str
    score: float
    text: str

    @property
    def part(self) -> int:
        """One of ten parts, by the group alone."""
        return int(hashlib.sha256(self.group.encode()).hexdigest(), 16) % _PARTS


def rated_texts(folder: Path, sources: Sequence[str] = (TWEETS, PRODUCTS, FILMS)) -> list[RatedText]:
    """The texts of some sources; by default tweets, sentences of reviews of products, and pieces of reviews of films.

    The sentences of one review of a product are a group. The other two do not say who wrote what; there the same words
    are a group.
    """
    with tarfile.open(python_package(folder, *PACKAGE)) as package:
        content = _read(package, f"{_FOLDER}/additional_resources/hutto_ICWSM_2014.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(content)) as ratings:
        return [each for source in sources for each in _rated(ratings, source)]


def rated_words(folder: Path) -> list[tuple[str, float]]:
    """The words of the lexicon with the mean of their ratings."""
    with tarfile.open(python_package(folder, *PACKAGE)) as package:
        lines = _read(package, f"{_FOLDER}/vaderSentiment/vader_lexicon.txt").decode().splitlines()
    return [(word, float(score)) for word, score, *_ in (line.split("\t") for line in lines)]


def _rated(ratings: tarfile.TarFile, source: str) -> Iterator[RatedText]:
    for line in _read(ratings, f"hutto_ICWSM_2014/{source}_GroundTruth.txt").decode(errors="replace").splitlines():
        name, score, text = line.split("\t", 2)
        plain = html.unescape(text).strip()
        same = f"{source} {name.split('_')[0]}" if source == PRODUCTS else " ".join(plain.lower().split())
        yield RatedText(source, same, float(score), plain)


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member is not None  # noqa: S101  # the digest of the archive is known
    return member.read()
