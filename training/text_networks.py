"""Small networks over the tokens of a text; padding, which a mask marks, changes no answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TextClassifier(nn.Module):
    """Gives a text the probabilities of two labels, from its words, and from pairs and triples of neighbours.

    A weight of each token adds up over the text, as in a linear model; embeddings of the tokens go through a mean and
    through convolutions of two widths with a maximum.
    """

    def __init__(self, tokens: int, width: int, channels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.weight = nn.Embedding(tokens, 1)
        self.pairs = nn.Conv1d(width, channels, 2)
        self.triples = nn.Conv1d(width, channels, 3)
        self.head = nn.Linear(width + 2 * channels, 1)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.embedding.weight, 0, 0.1)
        nn.init.zeros_(self.weight.weight)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The probabilities, [rows, 2]; the mask has 1 for each token of the text."""
        upper = torch.sigmoid(self.score(input_ids, attention_mask))
        return torch.stack((1 - upper, upper), dim=1)

    def score(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The logit of the second label, [rows]."""
        mask = attention_mask.to(torch.float32)[:, :, None]
        embedded = self.embedding(input_ids) * mask
        count = mask.sum(1)
        weights = (self.weight(input_ids) * mask).sum(1) / count.sqrt()
        along, across = embedded.transpose(1, 2), mask.transpose(1, 2)
        pairs = torch.relu(self.pairs(nn.functional.pad(along, (1, 0)))) * across
        triples = torch.relu(self.triples(nn.functional.pad(along, (1, 1)))) * across
        parts = torch.cat((embedded.sum(1) / count, pairs.amax(2), triples.amax(2)), dim=1)
        score: Tensor = (self.head(self.dropout(parts)) + weights).squeeze(1)
        return score


class TokenTagger(nn.Module):
    """Gives each token of a text the probabilities of some labels, from the tokens around it.

    Convolutions of width 3 whose reach doubles from layer to layer see 15 tokens to both sides.
    """

    def __init__(self, tokens: int, labels: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 3, padding=reach, dilation=reach) for reach in (1, 2, 4, 8))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.layers)
        self.head = nn.Linear(width, labels)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.embedding.weight, 0, 0.3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The probabilities, [rows, tokens, labels]."""
        return self.scores(input_ids, attention_mask).softmax(2)

    def scores(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The logits, [rows, tokens, labels]."""
        mask = attention_mask.to(torch.float32)[:, :, None]
        states = self.dropout(self.embedding(input_ids))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            around = layer((states * mask).transpose(1, 2)).transpose(1, 2)
            states = norm(states + self.dropout(torch.relu(around)))
        scores: Tensor = self.head(states)
        return scores
