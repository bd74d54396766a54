"""No run of a module reads or writes memory of another run, or of the batch that its rows came in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.runtime.pytorch.torch_model import TorchModel
from torch import Tensor

from tests.doubles.models import flat_signature

CPU = torch.device("cpu")


class Doubling:
    """Doubles its rows. Subclasses do so in ways that touch memory which they do not own."""

    def __call__(self, rows: Tensor) -> Tensor:
        return rows * 2


class InPlace(Doubling):
    def __call__(self, rows: Tensor) -> Tensor:
        return rows.mul_(2)


class HandsItsInputOn(Doubling):
    def __call__(self, rows: Tensor) -> Tensor:
        return rows.add_(rows)[:, :]


class KeepsItsInput(Doubling):
    kept: Tensor | None = None

    def __call__(self, rows: Tensor) -> Tensor:
        if self.kept is not None:
            self.kept.fill_(-1)
        self.kept = rows
        return rows.mul_(2)


class ReusesABuffer(Doubling):
    def __init__(self) -> None:
        self.buffer = torch.zeros(64, 2)

    def __call__(self, rows: Tensor) -> Tensor:
        return torch.mul(rows, 2, out=self.buffer[: len(rows)])


class ReusesABufferInAList(Doubling):
    def __init__(self) -> None:
        self.buffers = [np.zeros((64, 2), np.float32)]

    def __call__(self, rows: Tensor) -> Tensor:
        self.buffers[0][: len(rows)] = rows.numpy() * 2
        return torch.from_numpy(self.buffers[0])[: len(rows)]


class Transposed(Doubling):
    def __call__(self, rows: Tensor) -> Tensor:
        return (rows * 2).t().contiguous().t()


class GivesAParameter(Doubling):
    def __init__(self) -> None:
        self.parameter = torch.nn.Parameter(torch.zeros(64, 2))

    def __call__(self, rows: Tensor) -> Tensor:
        with torch.no_grad():
            self.parameter[: len(rows)] = rows * 2
        return self.parameter[: len(rows)]


MODULES = [
    Doubling, InPlace, HandsItsInputOn, KeepsItsInput, ReusesABuffer, ReusesABufferInAList, Transposed, GivesAParameter
]  # fmt: skip


@pytest.mark.parametrize("make", MODULES)
@given(runs=st.lists(st.integers(1, 64), min_size=2, max_size=6))
def test_every_answer_stays_what_it_was_and_no_row_is_written_by_the_module(
    make: Callable[[], Doubling], runs: list[int]
) -> None:
    model = TorchModel(make(), flat_signature(2), CPU, 0)
    batch = model.new_batch(64)["x"]
    answers = []
    for number, rows in enumerate(runs):
        batch[:rows] = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2) + number
        given_ = batch[:rows].copy()
        answers.append((model.run({"x": batch[:rows]})["y"], given_ * 2))
        assert np.array_equal(batch[:rows], given_), "the rows are as they were, so that they can be run again"
    batch[:] = -7
    for answer, wanted in answers:
        assert np.array_equal(answer, wanted)


@pytest.mark.parametrize("module", [lambda x: x, lambda x: (x * 2).t().contiguous().t(), lambda x: x[:1].expand(3, 2)])
def test_outputs_are_contiguous_and_own_their_memory(module: Callable[[Tensor], Tensor]) -> None:
    output = TorchModel(module, flat_signature(2), CPU, 0).run({"x": np.ones((3, 2), np.float32)})["y"]
    assert output.flags.c_contiguous
    assert output.flags.owndata
    assert output.flags.writeable
