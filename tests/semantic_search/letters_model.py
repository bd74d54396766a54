"""A small model of embeddings whose vectors a test computes itself: the mean of one vector for each letter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import helper
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.onnx.new_model import NewOnnxModel
from plimsoll.runtime.request_answers import with_requests
from plimsoll.tasks import bind_task
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase, Replace
from tokenizers.normalizers import Sequence as InOrder
from tokenizers.pre_tokenizers import Split

from tests.doubles.onnx_graphs import INT64, graph_model, tensor, value

MODEL = "letters"
DIMENSIONS = 24
LONGEST = 64
"""Letters of a text that the model reads."""
REFUSED = "¤"
"""A text of which the tokenizer leaves nothing, so that the model refuses it."""
_LETTERS = "?abcdefghijklmnopqrstuvwxyz0123456789 "
"""The first stands for every other letter."""
_VECTORS = np.random.default_rng(5).standard_normal((len(_LETTERS), DIMENSIONS), np.float32)


def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """The normalised embeddings of texts, as the service must store them."""
    found = np.array([_VECTORS[_numbers(each)[:LONGEST]].mean(axis=0) for each in texts])
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def make_model(models: Path, *versions: str) -> None:
    """Write the bundle in these versions into a folder of models, next to a folder of drafts."""
    graph = graph_model(
        [
            helper.make_node("Gather", ["vectors", "input_ids"], ["found"]),
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=1),
            helper.make_node("Unsqueeze", ["mask", "last"], ["each"]),
            helper.make_node("Mul", ["found", "each"], ["states"]),
        ],
        inputs=[value(name, INT64, ("batch", "length")) for name in ("input_ids", "attention_mask")],
        outputs=[value("states", shape=("batch", "length", DIMENSIONS))],
        initialisers=[tensor("vectors", _VECTORS), tensor("last", np.array([2]))],
    )
    rows = [np.array([_numbers(each)]) for each in ("one text", "another text")]
    for version in versions:
        recipe = Recipe(
            name=MODEL,
            version=version,
            examples=[{"input_ids": row, "attention_mask": np.ones_like(row)} for row in rows],
            minimum={"input_ids": 0, "attention_mask": 0},
            maximum={"input_ids": len(_LETTERS) - 1, "attention_mask": 1},
            task="embeddings",
            files={"tokenizer.json": _tokenizer()},
            about={
                "options": {"padding": {"lengths": [16, LONGEST], "mask": "attention_mask"}, "longest_tokens": LONGEST}
            },
        )
        draft = make_bundle(
            models.with_name("drafts"), recipe, NewOnnxModel(graph.SerializeToString()), check_task=bind_task
        )
        bodies = [json.dumps({"text": "One text"}).encode()]
        with_requests(
            models, draft, bodies, lambda bundle: bind_task(bundle.manifest, bundle.read), LoaderOptions(threads=1)
        )


def _numbers(text: str) -> list[int]:
    return [max(_LETTERS.find(letter), 0) for letter in text.lower()]


def _tokenizer() -> bytes:
    vocabulary = {letter: number for number, letter in enumerate(_LETTERS)}
    made = Tokenizer(WordLevel(vocabulary, unk_token=_LETTERS[0]))
    made.normalizer = InOrder([Lowercase(), Replace(REFUSED, "")])
    made.pre_tokenizer = Split(Regex(r"[\s\S]"), "isolated")
    return made.to_str().encode()
