from __future__ import annotations

import asyncio

import pytest
from plimsoll.errors import InvalidInput, NotFound, Overloaded
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_policy import BatchLimits
from plimsoll.inference.deadline import DeadlineLimits
from plimsoll.inference.lane import Lane, LaneLimits
from plimsoll.inference.payloads import Answer, Target
from plimsoll.inference.pipeline import Pipeline, ServedVersion
from plimsoll.inference.ports import Model

from tests.doubles.models import EchoModel, FailingModel

DEADLINES = DeadlineLimits(default_ms=30_000, longest_ms=60_000)


def served(model: Model, requests: int = 8) -> ServedVersion:
    limits = LaneLimits(AdmissionLimits(requests, bytes=1000), BatchLimits(max_rows=4, max_wait_seconds=0.0))
    return ServedVersion("echo", "3", model.signature, Lane(model, limits))


class OneVersion:
    """Selects the same version whatever is asked, as long as the model is not 'nobody'."""

    def __init__(self, version: ServedVersion) -> None:
        self._version = version
        self.asked: list[Target] = []

    def select(self, target: Target) -> ServedVersion:
        """That version."""
        self.asked.append(target)
        if target.model == "nobody":
            raise NotFound("nobody is here")
        return self._version


async def stay() -> None:
    await asyncio.Event().wait()


async def walk(pipeline: Pipeline, row: list[float]) -> Answer:
    """A request's whole way."""
    chosen = pipeline.select(Target())
    deadline = pipeline.deadline(None)
    with pipeline.admit(chosen, 10):
        entry = chosen.lane.reserve(1)
        entry.inputs["x"][0] = row
        return await pipeline.answer(chosen, entry, deadline, stay)


@pytest.mark.parametrize("inline_rows", [0, 100])
async def test_the_answer_names_the_version_that_gave_it(inline_rows: int) -> None:
    version = served(EchoModel(inline_rows=inline_rows))
    answer = await walk(Pipeline(OneVersion(version), DEADLINES), [1, 2])
    assert (answer.model, answer.version) == ("echo", "3")
    assert answer.outputs["y"].tolist() == [[1, 2]]
    version.lane.close()


async def test_the_selector_chooses_and_its_refusal_reaches_the_caller() -> None:
    selector = OneVersion(served(EchoModel()))
    pipeline = Pipeline(selector, DEADLINES)
    asked = [Target("echo", "3"), Target(key="ann"), Target("nobody")]
    assert pipeline.select(asked[0]).version == pipeline.select(asked[1]).version == "3"
    with pytest.raises(NotFound, match="nobody is here"):
        pipeline.select(asked[2])
    assert selector.asked == asked


async def test_a_deadline_is_counted_from_now_on_the_clock_of_the_loop() -> None:
    pipeline = Pipeline(OneVersion(served(EchoModel())), DEADLINES)
    before = asyncio.get_running_loop().time()
    deadlines = [pipeline.deadline(None), pipeline.deadline("1000"), pipeline.deadline("999999")]
    after = asyncio.get_running_loop().time()
    for deadline, seconds in zip(deadlines, (30, 1, 60), strict=True):
        assert before + seconds <= deadline <= after + seconds
    with pytest.raises(InvalidInput):
        pipeline.deadline("soon")


async def test_a_permit_is_of_the_version_and_ends_with_its_block() -> None:
    version = served(EchoModel(), requests=1)
    pipeline = Pipeline(OneVersion(version), DEADLINES)
    with pipeline.admit(version, 10):
        assert version.lane.admission.bytes_in_flight == 10
        with pytest.raises(Overloaded):
            pipeline.admit(version, 10)
        with pipeline.admit(served(EchoModel(), requests=1), 10):
            pass
    assert version.lane.admission.requests_in_flight == 0


@pytest.mark.parametrize("inline_rows", [0, 100])
async def test_a_model_that_breaks_down_breaks_only_its_own_request(inline_rows: int) -> None:
    bad, good = served(FailingModel(inline_rows=inline_rows)), served(EchoModel(inline_rows=inline_rows))
    with pytest.raises(Exception, match="the model failed"):
        await walk(Pipeline(OneVersion(bad), DEADLINES), [1, 2])
    assert bad.lane.admission.requests_in_flight == 0
    assert (await walk(Pipeline(OneVersion(good), DEADLINES), [1, 2])).version == "3"
    for version in (bad, good):
        version.lane.close()
