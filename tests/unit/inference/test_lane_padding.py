"""Rows of different lengths through a real lane with a real transformer."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import orjson
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.payloads import BatchReport
from plimsoll.runtime.pytorch.torch_model import TorchModel
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.masked_transformer import (
    LONGEST,
    PADDING,
    SIGNATURE,
    MaskedTransformer,
    NestedTransformer,
    transformer,
    words,
)
from tests.doubles.observers import RecordingLaneObserver

TASK = TensorTask(SIGNATURE, {"padding": PADDING})
MODULES = {kind: transformer(kind) for kind in (MaskedTransformer, NestedTransformer)}
LENGTHS = st.lists(st.lists(st.integers(1, LONGEST), min_size=1, max_size=4), min_size=1, max_size=5)

pytestmark = pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")


class Served:
    """A lane of a transformer that is asked in JSON."""

    def __init__(
        self, kind: type[MaskedTransformer] = MaskedTransformer, *, inline: bool = True, max_elements: int = 1 << 18
    ) -> None:
        model = TorchModel(MODULES[kind], SIGNATURE, torch.device("cpu"), 0)
        if inline:
            model.warmed_inline_rows = {((each,), (each,)): 128 for each in PADDING["lengths"]}
        self.observer = RecordingLaneObserver()
        limits = LaneLimits(AdmissionLimits(100, 1 << 30), BatchLimits(128, 0.0, max_elements), 3600)
        self.lane = BatchLane(model, limits, self.observer)

    async def ask(self, rows: list[NDArray[np.int64]]) -> list[dict[str, Any]]:
        """The answers to rows of words."""
        question = TASK.read(orjson.dumps({"instances": [{"input_ids": row.tolist()} for row in rows]}))
        entry = self.lane.reserve(question.rows, question.shapes)
        entry.padding = question.padding
        question.write(entry.inputs)
        outputs = await self.lane.answer(entry, asyncio.get_running_loop().time() + 60, asyncio.Event().wait)  # type: ignore[arg-type]
        return [each["outputs"] for each in TASK.results(question, outputs)]

    async def ask_all(self, requests: list[list[NDArray[np.int64]]]) -> list[list[dict[str, Any]]]:
        """The answers to requests that come together; the lane is closed afterwards."""
        try:
            return await asyncio.gather(*map(self.ask, requests))
        finally:
            self.lane.close()

    @property
    def reports(self) -> list[BatchReport]:
        """The batches that have run."""
        return self.observer.reports


def unpadded(kind: type[MaskedTransformer], row: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """The answer of torch to a row alone."""
    ids = torch.from_numpy(row[None])
    with torch.inference_mode():
        scores, states = MODULES[kind](ids, torch.ones_like(ids))
    return {"scores": scores[0].numpy(), "states": states[0].numpy()}


@settings(max_examples=30, deadline=None)
@given(lengths=LENGTHS, kind=st.sampled_from(list(MODULES)), inline=st.booleans(), seed=st.integers(0, 9))
async def test_padded_answers_are_those_of_rows_alone(
    lengths: list[list[int]], kind: type[MaskedTransformer], inline: bool, seed: int
) -> None:
    served = Served(kind, inline=inline)
    requests = [words(*each, seed=seed) for each in lengths]
    answers = await served.ask_all(requests)
    for rows, answered in zip(requests, answers, strict=True):
        assert len(rows) == len(answered)
        for row, answer in zip(rows, answered, strict=True):
            expected = unpadded(kind, row)
            assert answer["states"].shape == (len(row), expected["states"].shape[1])
            for name, reference in expected.items():
                assert np.allclose(answer[name], reference, atol=1e-5, rtol=1e-4)
    places = sum(len(row) for rows in requests for row in rows)
    assert sum(report.elements - report.padding for report in served.reports) == 2 * places


async def test_rows_of_different_lengths_from_several_requests_share_a_batch() -> None:
    served = Served()
    await served.ask_all([words(5), words(6, 7), words(8), words(9), words(16, 1), words(100)])
    assert sorted((report.rows, len(report.wait_seconds), report.elements) for report in served.reports) == [
        (1, 1, 256), (3, 2, 96), (4, 3, 64),
    ]  # fmt: skip
    unused = {8: 4 * 8 - (5 + 6 + 7 + 8), 16: 3 * 16 - (9 + 16 + 1), 128: 28}
    assert sorted(report.padding for report in served.reports) == sorted(2 * each for each in unused.values())


async def test_batches_of_long_rows_hold_fewer_of_them() -> None:
    served = Served(max_elements=2 * LONGEST * 3)
    answers = await served.ask_all([words(LONGEST) for _ in range(7)])
    assert len(answers) == 7
    assert sorted(report.rows for report in served.reports) == [1, 3, 3]
