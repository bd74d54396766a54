"""Texts and pictures for the workloads that a whole task serves, and what the model says of each alone."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer

from benchmarks.bench.wires import PICTURE, Row
from benchmarks.known_rows import distinct_rows
from benchmarks.peers.task_model import TaskModel

_FEWEST_WORDS, _MOST_WORDS = 3, 100
_SHORTEST_WORD = 3
_SIDE, _COARSE = 224, 14
"""Pixels of a picture, and of the noise that it is made of."""
_APART = 1e-3
_SEED = 26
_CANDIDATES = 512


def task_rows(bundle: Path, wire: str, count: int) -> tuple[list[Row], NDArray[np.float32]]:
    """Rows whose answers lie so far apart that another row's answer is seen to be wrong, and the answers."""
    asked: Sequence[Any] = _pictures() if wire == PICTURE else _texts(bundle / "tokenizer.json")
    model = TaskModel(bundle, wire)
    answers = np.concatenate([model([each]) for each in asked])
    kept = distinct_rows([answers], _APART)[:count]
    return [_row(asked[place]) for place in kept], answers[kept]


def probe(wire: str) -> Row:
    """A row that every server of this wire can answer."""
    return _row(_png(np.zeros((_COARSE, _COARSE, 3), np.uint8)) if wire == PICTURE else "a good text")


def _row(asked: Any) -> Row:  # noqa: ANN401  # a text or a file
    if isinstance(asked, str):
        return Row(json.dumps(asked), np.empty(0))
    return Row("", np.frombuffer(asked, np.uint8))


def _texts(tokenizer: Path) -> list[str]:
    """Words of the vocabulary at random: texts of all lengths, which mean nothing."""
    numbers = Tokenizer.from_file(str(tokenizer)).get_vocab()
    words = [
        word for word in sorted(numbers, key=numbers.__getitem__) if word.isalpha() and len(word) >= _SHORTEST_WORD
    ]
    generator = np.random.default_rng(_SEED)
    lengths = generator.integers(_FEWEST_WORDS, _MOST_WORDS + 1, _CANDIDATES)
    return [" ".join(generator.choice(words, length)) for length in lengths]


def _pictures() -> list[bytes]:
    """Coloured clouds as PNG."""
    generator = np.random.default_rng(_SEED)
    return [_png(generator.integers(0, 256, (_COARSE, _COARSE, 3), np.uint8)) for _ in range(_CANDIDATES)]


def _png(noise: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()
