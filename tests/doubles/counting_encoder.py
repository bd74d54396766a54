"""A small encoder of texts in numpy behind the line's `Model` port, with its task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Task
from plimsoll.tasks.embeddings import Embeddings

from tests.doubles.models import EchoModel
from tests.doubles.small_tokenizers import tokenizer_file

IDS, MASK, WIDTH = "input_ids", "attention_mask", 4
INPUTS = (TensorSpec(IDS, "INT64", (-1, -1)), TensorSpec(MASK, "INT64", (-1, -1)))
VECTORS = TensorSpec("vectors", "FP32", (-1, WIDTH))
STATES = TensorSpec("states", "FP32", (-1, -1, WIDTH))
OPTIONS: Mapping[str, Any] = {"padding": {"lengths": [4, 8, 16], "mask": MASK}, "longest_tokens": 8}


def task_of(output: TensorSpec = VECTORS, **further: Any) -> Embeddings:
    """The task of a model with this output, with further options."""
    return Embeddings(Signature(INPUTS, (output,)), {**OPTIONS, **further}, lambda _: tokenizer_file())


class CountingEncoder(EchoModel):
    """Gives each text a vector of how often it has the words 4 to 7, its first ones; says nothing of the others."""

    def __init__(self, *, inline_rows: int = 100) -> None:
        super().__init__(Signature(INPUTS, (VECTORS,)), inline_rows=inline_rows)

    def run(self, inputs: Tensors) -> Tensors:
        """The vectors."""
        counted = (inputs[IDS][:, :, np.newaxis] == np.arange(4, 4 + WIDTH)) & (inputs[MASK][:, :, np.newaxis] == 1)
        return {VECTORS.name: counted.sum(1).astype(np.float32)}


def embeddings_of(signature: Signature) -> Task:
    """The task for `Edge.serve`."""
    return Embeddings(signature, OPTIONS, lambda _: tokenizer_file())
