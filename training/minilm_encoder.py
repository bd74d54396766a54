"""MiniLM, a sentence encoder of 22 million parameters, in plain torch: token ids to a vector.

The names of its parts are those of the published weights.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name that torch's own documentation gives it
from torch import Tensor, nn

WORDS, WIDTH = 30522, 384
_PLACES, _KINDS, _LAYERS, _HEADS, _INNER, _EPSILON = 512, 2, 6, 12, 1536, 1e-12


class MiniLM(nn.Module):
    """Takes ids and a mask of 1 and 0, both of shape [rows, places]; gives [rows, 384]."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(WORDS, WIDTH),
                "position_embeddings": nn.Embedding(_PLACES, WIDTH),
                "token_type_embeddings": nn.Embedding(_KINDS, WIDTH),
                "LayerNorm": nn.LayerNorm(WIDTH, _EPSILON),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_layer() for _ in range(_LAYERS))})

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The mean of the states of the places that count, made as long as 1."""
        return F.normalize(self.means(input_ids, attention_mask), dim=-1)

    def means(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The same mean as long as it is."""
        parts = self.embeddings
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        kinds: Any = parts["token_type_embeddings"].weight
        states = parts["word_embeddings"](input_ids) + parts["position_embeddings"](places) + kinds[0]
        states = parts["LayerNorm"](states)
        counts = attention_mask.bool()
        layers: Any = self.encoder["layer"]
        for layer in layers:
            states = _through(layer, states, counts)
        weights = counts[:, :, None].to(states.dtype)
        mean: Tensor = (states * weights).sum(1) / weights.sum(1)
        return mean


def _layer() -> nn.ModuleDict:
    attention = {name: nn.Linear(WIDTH, WIDTH) for name in ("query", "key", "value")}
    return nn.ModuleDict(
        {
            "attention": nn.ModuleDict({"self": nn.ModuleDict(attention), "output": _merging(WIDTH)}),
            "intermediate": nn.ModuleDict({"dense": nn.Linear(WIDTH, _INNER)}),
            "output": _merging(_INNER),
        }
    )


def _merging(width: int) -> nn.ModuleDict:
    return nn.ModuleDict({"dense": nn.Linear(width, WIDTH), "LayerNorm": nn.LayerNorm(WIDTH, _EPSILON)})


def _through(layer: Any, states: Tensor, counts: Tensor) -> Tensor:  # noqa: ANN401  # nested parts by name
    rows, places, _ = states.shape
    attention = layer["attention"]
    query, key, value = (
        attention["self"][name](states).view(rows, places, _HEADS, -1).transpose(1, 2)
        for name in ("query", "key", "value")
    )
    seen = F.scaled_dot_product_attention(query, key, value, attn_mask=counts[:, None, None, :])
    states = _merged(attention["output"], seen.transpose(1, 2).reshape(rows, places, WIDTH), states)
    return _merged(layer["output"], F.gelu(layer["intermediate"]["dense"](states)), states)


def _merged(part: Any, found: Tensor, states: Tensor) -> Tensor:  # noqa: ANN401  # nested parts by name
    merged: Tensor = part["LayerNorm"](part["dense"](found) + states)
    return merged
