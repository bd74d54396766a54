"""Trains classifiers of texts into two labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from plimsoll.tasks.text_tokens import TextTokenizer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn

from training.text_batches import Schedule, outputs_of, train
from training.text_networks import TextClassifier

TASK = "text-classification"
PAD, UNKNOWN = "[PAD]", "[UNK]"
_UNKNOWN_ID = 1


@dataclass(frozen=True)
class Size:
    """The tokens that the tokenizer knows, those of a text that are read, and the widths of the network.

    `hidden` is the share of tokens that become unknown ones while it learns.
    """

    tokens: int
    longest: int
    width: int
    channels: int
    dropout: float
    hidden: float


@dataclass(frozen=True)
class Trained:
    """A trained network with the file of its tokenizer."""

    network: nn.Module
    tokenizer: bytes

    def classes(self, texts: Sequence[str], longest: int) -> list[int]:
        """The place of the label of each text."""
        tokens = TextTokenizer(TASK, self.tokenizer, longest, offsets=False).tokens(texts)
        return [int(each.argmax()) for each in outputs_of(self.network, [each.ids for each in tokens])]


def lower_case_tokenizer(texts: Sequence[str], tokens: int) -> bytes:
    """A tokenizer of pieces of words, learned from some texts, that ignores case and accents."""
    made = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    made.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=tokens, min_frequency=2, special_tokens=[PAD, UNKNOWN], show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    return made.to_str().encode()


def train_classifier(
    tokenizer: bytes, texts: Sequence[str], targets: NDArray[np.float32], size: Size, schedule: Schedule
) -> Trained:
    """Train on texts, each with the probability that its label is the second one."""
    tokens = TextTokenizer(TASK, tokenizer, size.longest, offsets=False)
    rows = [each.ids for each in tokens.tokens(texts)]
    torch.manual_seed(schedule.seed)
    network = TextClassifier(tokens.highest_id + 1, size.width, size.channels, size.dropout)
    wanted = torch.from_numpy(targets)

    def loss_of(ids: Tensor, mask: Tensor, places: NDArray[np.intp]) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(network.score(ids, mask), wanted[places])

    def hide(ids: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        return np.where(rng.random(ids.shape) < size.hidden, _UNKNOWN_ID, ids)

    train(network, rows, loss_of, schedule, hide)
    return Trained(network, tokenizer)
