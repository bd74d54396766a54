"""MiniLM as a bundle, from a package that carries its weights, and texts of random length with their vectors.

The texts are token ids that were drawn at random, as a client's tokenizer would send them: no server here reads words.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from safetensors.torch import load, save

from benchmarks.bench.environments import CACHE, Unavailable, plain_reason
from benchmarks.peers.minilm import Encoder
from training.minilm import make_minilm
from training.minilm_encoder import WORDS, MiniLM
from training.minilm_package import Published, published
from training.packages import DataError

FACTORY, VECTOR = "benchmarks.peers.minilm:encoder", "embedding"
_SHORTEST, _LONGEST, _FIRST_WORD, _BEGIN, _END = 5, 128, 1000, 101, 102
_SEED = 25
_PADDING = {"lengths": [16, 32, 64, 96, 128], "mask": "attention_mask", "values": {"input_ids": 0}}


def make_minilm_bundle(models: Path, name: str, version: str) -> None:
    """Write the bundle.

    Raises:
        Unavailable: the package cannot be had.
    """
    tensors, module = load(_published().weights), MiniLM()
    weights = {part: tensors[part] for part in module.state_dict()}
    ids = [text[np.newaxis] for text in _texts(4)]
    recipe = Recipe(
        name=name,
        version=version,
        examples=[{"input_ids": each, "attention_mask": np.ones_like(each)} for each in ids],
        minimum={"input_ids": 0, "attention_mask": 0},
        maximum={"input_ids": WORDS - 1, "attention_mask": 1},
        licence="Apache-2.0",
        about={"options": {"padding": _PADDING}},
    )
    make_bundle(models, recipe, NewTorchModel(save(weights), {}, factory=FACTORY, output_names=[VECTOR]))


def make_minilm_of_texts(models: Path) -> None:
    """Write the bundle of the task `embeddings`, which reads texts itself.

    Raises:
        Unavailable: the package cannot be had.
    """
    make_minilm(models, _published())


def _published() -> Published:
    try:
        return published(CACHE)
    except DataError as error:
        raise Unavailable(f"MiniLM cannot be had: {plain_reason(str(error))}") from None


def texts_and_vectors(weights: Path, count: int) -> tuple[list[NDArray[np.int64]], NDArray[np.float32]]:
    """Token ids of texts of 5 to 128 tokens, and the vector that torch gives to each alone."""
    os.environ["BENCH_WEIGHTS"] = str(weights)
    model, texts = Encoder(), _texts(count)
    return texts, np.concatenate([model([text]) for text in texts])


def _texts(count: int) -> list[NDArray[np.int64]]:
    generator = np.random.default_rng(_SEED)
    texts: list[NDArray[Any]] = []
    for length in generator.integers(_SHORTEST, _LONGEST + 1, count):
        words = generator.integers(_FIRST_WORD, WORDS, int(length) - 2)
        texts.append(np.array([_BEGIN, *words, _END], np.int64))
    return texts
