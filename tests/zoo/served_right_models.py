"""Models that misbehave and are served right all the same: what they do reaches no other request.

A model scores rows of 4 numbers for 4 classes. `scores` is what it should answer; `forward` gives that in some way that
a server has to withstand. On a row whose first number is `GUILTY` some of them fail, and only that row may.
"""

from __future__ import annotations

import asyncio
import sys
import time
from random import Random
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

GUILTY = 9.0
WIDTH = 4
Row = list[float]


class Good(nn.Module):
    """Behaves. Every other model here is one of these with a habit."""

    fails_on_guilty: ClassVar[bool] = False
    minimum: ClassVar[float | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)

    def scores(self, rows: Tensor) -> Tensor:
        """The right answer, without a side effect."""
        return torch.softmax(self.layer(rows), -1)

    def forward(self, rows: Tensor) -> Tensor:
        return self.scores(rows)

    @classmethod
    def draw(cls, chance: Random) -> Row:
        """An innocent row."""
        return [chance.random() for _ in range(WIDTH)]

    @classmethod
    def golden(cls, chance: Random, count: int) -> list[Row]:
        """The rows of the golden samples."""
        return [cls.draw(chance) for _ in range(count)]


def is_guilty(rows: Tensor) -> bool:
    return bool((rows[:, 0] == GUILTY).any())


class InPlace(Good):
    """Normalises its input where it lies, and then refuses a row."""

    fails_on_guilty = True

    def scores(self, rows: Tensor) -> Tensor:
        return super().scores((rows - 0.5) * 4)

    def forward(self, rows: Tensor) -> Tensor:
        guilty = is_guilty(rows)
        rows.sub_(0.5).mul_(4)
        if guilty:
            raise ValueError("a number is out of range")
        return super().scores(rows)


class ReusedBuffer(Good):
    """Gives a part of a tensor that its next run writes again."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("buffer", torch.zeros(4096, WIDTH), persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        buffer: Tensor = self.get_buffer("buffer")
        return torch.softmax(self.layer(rows), -1, out=buffer[: len(rows)])


class ListedBuffer(Good):
    """The same with memory that torch knows nothing of."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = [np.zeros((4096, WIDTH), np.float32)]

    def forward(self, rows: Tensor) -> Tensor:
        self.memory[0][: len(rows)] = self.scores(rows).numpy()
        return torch.from_numpy(self.memory[0])[: len(rows)]


class Transposed(Good):
    """Gives columns one after the other."""

    def forward(self, rows: Tensor) -> Tensor:
        return self.scores(rows).t().contiguous().t()


class HandsItsInputOn(Good):
    """Writes the answer over the question."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows.copy_(self.scores(rows))


class KeepsItsInput(Good):
    """Writes into the rows of the run before, and into what it answered then."""

    kept: tuple[Tensor, ...] = ()

    def forward(self, rows: Tensor) -> Tensor:
        for tensor in self.kept:
            tensor.fill_(0.25)
        self.kept = (rows, self.scores(rows))
        return self.kept[1]


class Raises(Good):
    """Fails with something on a guilty row."""

    fails_on_guilty = True

    def error(self) -> BaseException:
        return ValueError("a guilty row at /srv/secret")

    def forward(self, rows: Tensor) -> Tensor:
        if is_guilty(rows):
            raise self.error()
        return self.scores(rows)


class Exits(Raises):
    """Ends the process, as research code does."""

    def forward(self, rows: Tensor) -> Tensor:
        if is_guilty(rows):
            sys.exit("bad input")
        return self.scores(rows)


class Panic(BaseException):
    """What comes out of a library in Rust is no `Exception`."""


class Panics(Raises):
    """Panics as a library in Rust does."""

    def error(self) -> BaseException:
        return Panic("called `Option::unwrap()` on a `None` value")


class ClosesGenerators(Raises):
    """Raises what Python raises in a generator that is closed."""

    def error(self) -> BaseException:
        return GeneratorExit()


class Interrupts(Raises):
    """Raises what Ctrl-C raises."""

    def error(self) -> BaseException:
        return KeyboardInterrupt()


class Cancels(Raises):
    """Raises what asyncio raises in a task that is cancelled."""

    def error(self) -> BaseException:
        return asyncio.CancelledError()


class RunsOut(Raises):
    """Raises what an iterator raises at its end."""

    def error(self) -> BaseException:
        return StopIteration()


class Unprintable(ValueError):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise SystemExit("no text")


class RaisesTheUnprintable(Raises):
    """Raises an error that exits when it is printed."""

    def error(self) -> BaseException:
        return Unprintable()


class GivesNan(Good):
    """Gives NaN for a guilty row, and right answers for its neighbours."""

    fails_on_guilty = True

    def forward(self, rows: Tensor) -> Tensor:
        scores = self.scores(rows)
        scores[rows[:, 0] == GUILTY] = torch.nan
        return scores


class DropsRows(Good):
    """Leaves the guilty rows out of its answer."""

    fails_on_guilty = True

    def forward(self, rows: Tensor) -> Tensor:
        return self.scores(rows)[rows[:, 0] != GUILTY]


class ChangesDatatype(Good):
    """Answers in another datatype when a guilty row is there."""

    fails_on_guilty = True

    def forward(self, rows: Tensor) -> Tensor:
        scores = self.scores(rows)
        return scores.double() if is_guilty(rows) else scores


class LosesADimension(Good):
    """Answers all rows in one line when a guilty row is there."""

    fails_on_guilty = True

    def forward(self, rows: Tensor) -> Tensor:
        scores = self.scores(rows)
        return scores.flatten() if is_guilty(rows) else scores


class SlowOnRealRows(Good):
    """Quick on zeros and on its golden samples, slow on most other rows."""

    slow_seconds: ClassVar[float] = 0.01

    def forward(self, rows: Tensor) -> Tensor:
        if bool((rows > 0.5).any()):
            time.sleep(self.slow_seconds)
        return self.scores(rows)

    @classmethod
    def golden(cls, chance: Random, count: int) -> list[Row]:
        return [[number / 2 for number in cls.draw(chance)] for _ in range(count)]


class Masked(Good):
    """Scores the mean of the numbers that a row's mask names; a row that names none has no answer."""

    def scores(self, rows: Tensor) -> Tensor:
        numbers, mask = rows[:, :2], rows[:, 2:]
        mean = (numbers * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
        return super().scores(mean.expand(-1, WIDTH))

    @classmethod
    def draw(cls, chance: Random) -> Row:
        return [chance.random(), chance.random(), *chance.choice([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])]


class IdsFromOne(Good):
    """Looks its numbers up in a table whose first entry is number 1; there is none for 0."""

    minimum = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, WIDTH)

    def scores(self, rows: Tensor) -> Tensor:
        return super().scores(self.table(rows.long() - 1).mean(1))

    @classmethod
    def draw(cls, chance: Random) -> Row:
        return [float(chance.randint(1, 50)) for _ in range(WIDTH)]
