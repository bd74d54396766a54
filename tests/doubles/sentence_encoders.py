"""Small encoders of texts in torch, as bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from plimsoll.bundle.folder import Bundle
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from plimsoll.runtime.request_answers import with_requests
from plimsoll.tasks import bind_task
from plimsoll.tasks.embeddings import NAME
from safetensors.torch import save
from torch import Tensor

from tests.doubles.counting_encoder import IDS, MASK, OPTIONS
from tests.doubles.masked_transformer import WORDS, MaskedTransformer, transformer
from tests.doubles.small_tokenizers import tokenizer_file

FACTORIES = tuple(f"{__name__}:{name}" for name in ("Means", "States"))
TEXTS = ("good film", "the bad film", "Ada")


class Means(MaskedTransformer):
    """A vector for each text."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # type: ignore[override]  # one output
        """The mean of the states of the places that count."""
        states = self.encode(input_ids, attention_mask)
        weights = attention_mask[:, :, None].to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1)


class States(MaskedTransformer):
    """A vector for each token."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # type: ignore[override]  # one output
        """The state of each place."""
        return self.encode(input_ids, attention_mask)


def make_encoder(
    models: Path, name: str, version: str = "1", kind: type[MaskedTransformer] = Means, **further: Any
) -> Bundle:
    """A bundle of the task, with golden requests; `models` has a folder of drafts beside it."""
    rows = [np.array([[2, *ids, 3]]) for ids in ([4, 6], [7, 5, 6, 4])]
    recipe = Recipe(
        name=name,
        version=version,
        examples=[{IDS: row, MASK: np.ones_like(row)} for row in rows],
        minimum={IDS: 0, MASK: 0},
        maximum={IDS: WORDS - 1, MASK: 1},
        task=NAME,
        files={"tokenizer.json": tokenizer_file()},
        about={"options": {**OPTIONS, **further}},
    )
    weights = save(transformer(kind).state_dict())
    factory = f"{__name__}:{kind.__name__}"
    model = NewTorchModel(weights, {}, factory=factory)
    drafts = models.with_name(f"{models.name}-drafts")
    draft = make_bundle(drafts, recipe, model, check_task=bind_task)
    bodies = [orjson.dumps({"text": text}) for text in TEXTS]
    options = LoaderOptions(factories=(factory,), threads=1)
    return with_requests(models, draft, bodies, lambda bundle: bind_task(bundle.manifest, bundle.read), options)


def vector_of(ids: list[int], kind: type[MaskedTransformer] = Means) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The normalised vector that torch gives some tokens alone, without padding."""
    given = torch.tensor([[2, *ids, 3]])
    with torch.inference_mode():
        states: Tensor = transformer(kind).encode(given, torch.ones_like(given))
    mean = states.mean(1)[0].numpy()
    return mean / np.linalg.norm(mean)  # type: ignore[no-any-return]
