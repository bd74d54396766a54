from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest

from service.errors import NotFound
from service.inference.payloads import Tensors
from service.inference.pipeline import Pipeline
from service.inference.ports import Model, ServedVersion
from tests.doubles.models import EchoModel, FailingModel, SlowModel

ROW: Tensors = {"x": np.array([[1, 2]], np.float32)}


class OneVersion:
    """Selects the same version whatever is asked, as long as the name is not 'nobody'."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str | None]] = []

    def select(self, name: str | None, version: str | None) -> ServedVersion:
        """That version."""
        self.asked.append((name, version))
        if name == "nobody":
            raise NotFound("nobody is here")
        return served(EchoModel())


def served(model: Model) -> ServedVersion:
    return ServedVersion("echo", "3", model)


@pytest.fixture
async def pipeline() -> AsyncIterator[Pipeline]:
    made = Pipeline(OneVersion())
    yield made
    made.close()


async def until_running(model: SlowModel) -> None:
    assert await asyncio.to_thread(model.running.wait, 30)


async def test_the_answer_names_the_version_that_gave_it(pipeline: Pipeline) -> None:
    answer = await pipeline.run(served(EchoModel()), ROW, 1)
    assert (answer.model, answer.version) == ("echo", "3")
    assert answer.outputs["y"].tolist() == [[1, 2]]


@pytest.mark.parametrize(("rows", "inline"), [(1, True), (2, True), (3, False), (100, False)])
async def test_a_batch_within_the_inline_rows_runs_on_the_event_loop_and_a_larger_one_on_a_thread(
    pipeline: Pipeline, *, rows: int, inline: bool
) -> None:
    model = EchoModel(inline_rows=2)
    await pipeline.run(served(model), model.new_batch(rows), rows)
    assert (model.threads == [threading.current_thread().name]) == inline


async def test_slow_models_take_turns_on_one_thread(pipeline: Pipeline) -> None:
    model = EchoModel(inline_rows=0)
    await asyncio.gather(*(pipeline.run(served(model), ROW, 1) for _ in range(20)))
    assert len(model.threads) == 20
    assert len(set(model.threads)) == 1


async def test_the_event_loop_turns_while_a_slow_model_runs(pipeline: Pipeline) -> None:
    model = SlowModel()
    running = asyncio.create_task(pipeline.run(served(model), ROW, 1))
    await until_running(model)
    quick = await pipeline.run(served(EchoModel()), ROW, 1)
    assert quick.outputs["y"].tolist() == [[1, 2]]
    assert not running.done()
    model.release.set()
    assert (await running).outputs["y"].tolist() == [[1, 2]]


@pytest.mark.parametrize("inline_rows", [0, 100])
async def test_a_model_that_breaks_down_breaks_only_its_own_request(pipeline: Pipeline, inline_rows: int) -> None:
    with pytest.raises(RuntimeError):
        await pipeline.run(served(FailingModel(inline_rows=inline_rows)), ROW, 1)
    assert (await pipeline.run(served(EchoModel(inline_rows=inline_rows)), ROW, 1)).version == "3"


async def test_the_selector_chooses_and_its_refusal_reaches_the_caller() -> None:
    selector = OneVersion()
    pipeline = Pipeline(selector)
    assert pipeline.select("echo", None).version == "3"
    assert pipeline.select(None, "3").version == "3"
    with pytest.raises(NotFound, match="nobody is here"):
        pipeline.select("nobody", None)
    assert selector.asked == [("echo", None), (None, "3"), ("nobody", None)]
    pipeline.close()


async def test_closing_waits_for_the_run_in_progress_and_drops_those_that_wait() -> None:
    pipeline = Pipeline(OneVersion())
    model, waiting = SlowModel(), EchoModel(inline_rows=0)
    first = asyncio.create_task(pipeline.run(served(model), ROW, 1))
    await until_running(model)
    second = asyncio.create_task(pipeline.run(served(waiting), ROW, 1))
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(pipeline.close))
    with pytest.raises(asyncio.CancelledError):
        await second
    assert not closing.done()
    model.release.set()
    await closing
    assert (await first).outputs["y"].tolist() == [[1, 2]]
    assert waiting.threads == []
