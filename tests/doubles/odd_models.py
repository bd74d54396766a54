"""Models that people try to make bundles of; recipes name them as factories."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import NoReturn

import torch
from plimsoll.runtime.pytorch.architectures.digits_mlp import DigitsMlp


class Logits(DigitsMlp):
    """Ends without a softmax."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Unnormalised scores."""
        return self.logits(pixels)


class GivesDict(DigitsMlp):
    """Gives its output as transformers do."""

    def forward(self, pixels: torch.Tensor) -> OrderedDict[str, torch.Tensor]:  # type: ignore[override]
        """Scores by name."""
        return OrderedDict(logits=self.logits(pixels), hidden=pixels)


class GivesTuple(DigitsMlp):
    """Gives its one output in a tuple."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:  # type: ignore[override]
        """Scores, wrapped."""
        return (self.logits(pixels),)


class GivesBfloat16(DigitsMlp):
    """Gives numbers that numpy does not have."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Scores in half the bits."""
        return super().forward(pixels).bfloat16()


class GivesWords(DigitsMlp):
    """Gives something else next to its scores."""

    def forward(self, pixels: torch.Tensor) -> dict[str, object]:  # type: ignore[override]
        """Scores and words."""
        return {"logits": self.logits(pixels), "words": ["a"]}


class GivesOddName(DigitsMlp):
    """Names its output as no tensor can be named."""

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:  # type: ignore[override]
        """Scores by that name."""
        return {"two words": self.logits(pixels)}


class _Unreadable(Mapping[str, torch.Tensor]):
    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("nobody reads this")

    def __len__(self) -> int:
        return 1

    def __getitem__(self, name: str) -> torch.Tensor:
        raise KeyError(name)


class GivesUnreadable(DigitsMlp):
    """Gives a mapping of which not even the names can be read."""

    def forward(self, pixels: torch.Tensor) -> _Unreadable:  # type: ignore[override]
        """Nothing that can be reached."""
        del pixels
        return _Unreadable()


class GivesOneNumber(DigitsMlp):
    """Loses the rows."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The mean of all."""
        return super().forward(pixels).mean()


class HidesWeights(DigitsMlp):
    """Does not tell what its weights are called."""

    def state_dict(self, *_: object, **__: object) -> NoReturn:
        """Nothing: it raises."""
        raise KeyError("layers")


class MissesKey(DigitsMlp):
    """Looks for what is not there."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Nothing: it raises."""
        return {"pixels": pixels}["input_ids"]


class Doubles(torch.nn.Module):
    """Has no weights, and computes in whatever it is given."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Twice the rows."""
        return rows * 2


class WritesIntoInput(DigitsMlp):
    """Scales its input where it lies."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Probabilities."""
        return super().forward(pixels.mul_(0.5))


class Tokens(torch.nn.Module):
    """Takes whole numbers, of which each names a word."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(100, 3)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Probabilities."""
        return torch.softmax(self.words(words).mean(1), -1)


class Spam(torch.nn.Module):
    """One score a row, the probability of spam; its last number alone counts. With `flat` no dimension is left."""

    def __init__(self, *, flat: bool = False) -> None:
        super().__init__()
        self.flat = flat

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Probabilities, shape [rows, 1] or [rows]."""
        scores = rows[:, -1:].sigmoid()
        return scores.squeeze(-1) if self.flat else scores


class SpamLogits(torch.nn.Module):
    """The same without a sigmoid."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Unnormalised scores, shape [rows, 1]."""
        return rows[:, -1:] * 3


class FailsFrom(DigitsMlp):
    """Has no room for batches of `rows` rows or more, but for those of `largest`."""

    def __init__(self, sizes: list[int], rows: int, largest: int = 0) -> None:
        super().__init__(sizes)
        self.rows = rows
        self.largest = largest

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Probabilities."""
        if len(pixels) >= self.rows and len(pixels) != self.largest:
            raise RuntimeError("the buffer is full")
        return super().forward(pixels)


class TakesThree(torch.nn.Module):
    """Takes three tensors, the last two if they are given."""

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor | None = None, types: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The first one again."""
        del mask, types
        return ids.clone()


def in_half(sizes: list[int], datatype: str) -> torch.nn.Module:
    """A perceptron in that datatype."""
    return DigitsMlp(sizes).to(getattr(torch, datatype))


class MaskedMean(torch.nn.Module):
    """Takes two tensors of open length, and names its outputs."""

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor | None]:
        """The mean of the ids that the mask keeps, the ids that it keeps, and more."""
        kept = ids * mask
        return {"kept": kept, "unused": ids, "none": None, "mean": kept.sum(1) / mask.sum(1)}


class MixesLongRows(torch.nn.Module):
    """Treats short rows alone, and long ones by the mean of their batch."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows, and of long ones the difference from the mean."""
        return rows - rows.mean(0, keepdim=True) if rows.shape[1] > 3 else rows.clone()
