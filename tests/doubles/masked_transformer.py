"""A small transformer over rows of any length with a mask, and ways to get the mask wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples
from plimsoll.inference.payloads import Signature, TensorSpec
from safetensors.torch import save
from torch import Tensor, nn

WORDS, WIDTH, CLASSES, LONGEST = 50, 16, 3, 128
PADDING: dict[str, Any] = {"lengths": [8, 16, 32, 64, LONGEST], "mask": "attention_mask", "values": {"input_ids": 0}}
SIGNATURE = Signature(
    (
        TensorSpec("input_ids", "INT64", (-1, -1), minimum=0, maximum=WORDS - 1),
        TensorSpec("attention_mask", "INT64", (-1, -1), minimum=0, maximum=1),
    ),
    (TensorSpec("scores", "FP32", (-1, CLASSES)), TensorSpec("states", "FP32", (-1, -1, WIDTH))),
)


class MaskedTransformer(nn.Module):
    """Embeds words and places, encodes them with attention, and gives the state of each place and scores for a row."""

    def __init__(self, *, nested: bool = False, width: int = WIDTH) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, width)
        self.places = nn.Embedding(LONGEST, width)
        layer = nn.TransformerEncoderLayer(width, 2, 2 * width, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=nested)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and states; the mask has 1 for each place that counts."""
        states = self.encode(input_ids, attention_mask)
        weights = attention_mask[:, : states.shape[1], None].to(states.dtype)
        return self.head((states * weights).sum(1) / weights.sum(1)), states

    def encode(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The state of each place."""
        embedded = self.words(input_ids) + self.places(torch.arange(input_ids.shape[1]))
        states: Tensor = self.encoder(embedded, src_key_padding_mask=attention_mask == 0)
        return states


class NestedTransformer(MaskedTransformer):
    """Encodes without the places that no row of the batch has, as `nn.TransformerEncoder` does on its own."""

    def __init__(self) -> None:
        super().__init__(nested=True)


class UnmaskedAttention(MaskedTransformer):
    """Forgets the mask in its attention."""

    def encode(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The state of each place, with padding looked at."""
        return super().encode(input_ids, torch.ones_like(attention_mask))


class UnmaskedMean(MaskedTransformer):
    """Forgets the mask in its mean."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the mean of all places, and states."""
        states = self.encode(input_ids, attention_mask)
        return self.head(states.mean(1)), states


class MaskOfTheFirst(MaskedTransformer):
    """Takes the mask of the first row for all rows."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and states."""
        return super().forward(input_ids, attention_mask[:1].expand_as(attention_mask))


class TooFewPlaces(MaskedTransformer):
    """Has no embedding for the last places."""

    def encode(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The state of each place, of at most 100."""
        if input_ids.shape[1] > 100:
            raise IndexError("index out of range in self")
        return super().encode(input_ids, attention_mask)


class EndsAtHalf(MaskedTransformer):
    """Gives back every second state."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and some states."""
        scores, states = super().forward(input_ids, attention_mask)
        return scores, states[:, ::2]


def transformer(kind: type[MaskedTransformer] = MaskedTransformer) -> MaskedTransformer:
    """A model of this kind with weights that are the same each time."""
    torch.manual_seed(0)
    return kind().eval()


def words(*lengths: int, seed: int = 0) -> list[NDArray[np.int64]]:
    """Rows of words of these lengths."""
    rng = np.random.default_rng(seed)
    return [rng.integers(1, WORDS, length) for length in lengths]


def make_transformer_bundle(
    folder: Path,
    kind: type[MaskedTransformer] = MaskedTransformer,
    *,
    length: int = 10,
    options: dict[str, Any] | None = None,
    version: str = "1",
) -> Bundle:
    """A bundle `translator` of this model under `folder`, whose golden samples have this length."""
    module = transformer(kind)
    ids = np.stack(words(*[length] * 5))
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    with torch.inference_mode():
        scores, states = module(*map(torch.from_numpy, inputs.values()))
    samples = GoldenSamples(inputs, {"scores": scores.numpy(), "states": states.numpy()})
    fields: dict[str, Any] = {
        "schema_version": 2,
        "name": "translator",
        "version": version,
        "task": "tensors",
        "options": {"padding": PADDING} if options is None else options,
        "licence": "unknown",
        "signature": {
            side: [
                {key: value for key, value in _record(spec).items() if value is not None}
                for spec in getattr(SIGNATURE, side)
            ]
            for side in ("inputs", "outputs")
        },
        "framework": {"name": "pytorch", "version": "2"},
        "model": {
            "format": "safetensors",
            "weights": "weights.safetensors",
            "factory": f"{__name__}:{kind.__name__}",
            "parameters": {},
        },
        "golden": {"file": "golden.safetensors", "absolute_tolerance": 1e-5, "relative_tolerance": 1e-4},
    }
    files = {"weights.safetensors": save(module.state_dict()), "golden.safetensors": samples.pack()}
    return write_bundle(folder, fields, files)


def _record(spec: TensorSpec) -> dict[str, Any]:
    return {
        "name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape), "minimum": spec.minimum,
        "maximum": spec.maximum,
    }  # fmt: skip
