"""The order of a request's life, by a front of a few lines."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from plimsoll.errors import InvalidInput, NotFound, Overloaded
from plimsoll.fronts.v1_json import V1Json
from plimsoll.inference.admission import AdmissionLimits, Permit
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.call import Call
from plimsoll.inference.deadlines import DeadlineLimits
from plimsoll.inference.line import Line
from plimsoll.inference.payloads import Answer, Target, Tensors
from plimsoll.inference.ports import Model, Question
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.inference.request_head import RequestHead
from plimsoll.inference.served_version import ServedVersion
from plimsoll.inference.task_threads import TaskThreads, UnobservedTask
from plimsoll.own_task import OwnTask, Setup
from plimsoll.stores.memory_cache import MemoryCache
from plimsoll.tasks.own_task import AdaptedTask
from plimsoll.tasks.tabular_classification import TabularClassification

from tests.doubles.models import EchoModel, FailingModel, flat_signature
from tests.doubles.observers import RecordingObserver

DEADLINES = DeadlineLimits(default_ms=30_000, longest_ms=60_000)
BODY = b'{"features": [1, 2]}'


def served(model: Model, requests: int = 8, version: str = "3") -> ServedVersion:
    limits = LaneLimits(AdmissionLimits(requests, bytes=1000), BatchLimits(max_rows=4, max_wait_seconds=0.0))
    task = TabularClassification(model.signature)
    return ServedVersion("echo", version, model.signature, task, BatchLane(model, limits))


class Pairs(OwnTask):
    """Reads two numbers in another order."""

    item = "features"
    row_schema = {"type": "array"}  # noqa: RUF012

    def read(self, row: Any) -> Any:
        """The second number first."""
        return {"x": row[::-1]}

    def write(self, outputs: Any) -> Any:
        """Both numbers."""
        return outputs["y"]


class Versions:
    """A table that selects one version, another one for whom `belongs` names, and none of a model 'nobody'."""

    def __init__(self, version: ServedVersion, **belongs: ServedVersion) -> None:
        self.table = self
        self._version = version
        self._belongs = belongs
        self.asked: list[Target] = []

    def select(self, target: Target) -> ServedVersion:
        """That version."""
        self.asked.append(target)
        if target.model == "nobody":
            raise NotFound("nobody is here")
        return self._belongs.get(target.key or "", self._version)


class Client:
    """Sends one body and stays until it is answered."""

    def __init__(self, body: bytes = BODY, **headers: str) -> None:
        self.body = body
        self.deadline = 0.0
        self.bodies_read = 0
        fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self.call = Call(RequestHead(fields))

    async def ask(self, line: Line, model: str | None = None) -> Answer:
        """The answer."""
        if model is not None:
            self.call.named = {"name": model}
        _, _, answer = await line.ask(self.call, V1Json(), self._read, self._stay)
        return answer

    async def _read(self, permit: Permit, deadline: float) -> bytes:
        self.deadline = deadline
        self.bodies_read += 1
        permit.complete(len(self.body))
        return self.body

    async def _stay(self) -> None:
        await asyncio.Event().wait()


def line_of(versions: Versions, inline_bytes: int = 1000, cache: MemoryCache | None = None) -> Line:
    return Line(versions, DEADLINES, ReadingPool(inline_bytes), RecordingObserver(), cache)


@pytest.mark.parametrize("inline_bytes", [0, 1000])
@pytest.mark.parametrize("inline_rows", [0, 100])
async def test_the_answer_names_the_version_that_gave_it(inline_rows: int, inline_bytes: int) -> None:
    version, client = served(EchoModel(inline_rows=inline_rows)), Client()
    answer = await client.ask(line_of(Versions(version), inline_bytes))
    assert (answer.model, answer.version) == (client.call.model, client.call.version) == ("echo", "3")
    assert answer.outputs["y"].tolist() == [[1, 2]]
    version.lane.close()


async def test_the_table_chooses_and_its_refusal_reaches_the_caller_before_anything_is_read() -> None:
    versions = Versions(served(EchoModel()))
    line, refused = line_of(versions), Client()
    await Client(x_plimsoll_user="ann").ask(line, "echo")
    with pytest.raises(NotFound, match="nobody is here"):
        await refused.ask(line, "nobody")
    assert versions.asked == [Target("echo", None, "ann"), Target("nobody")]
    assert refused.bodies_read == 0


async def test_a_deadline_is_counted_from_now_on_the_clock_of_the_loop() -> None:
    line = line_of(Versions(served(EchoModel())))
    before = asyncio.get_running_loop().time()
    clients = [Client(), Client(x_request_timeout_ms="1000"), Client(x_request_timeout_ms="999999")]
    for client in clients:
        await client.ask(line)
    after = asyncio.get_running_loop().time()
    for client, seconds in zip(clients, (30, 1, 60), strict=True):
        assert before + seconds <= client.deadline <= after + seconds
    with pytest.raises(InvalidInput):
        await Client(x_request_timeout_ms="soon").ask(line)


async def test_a_full_version_refuses_before_it_reads() -> None:
    version, client = served(EchoModel(), requests=1), Client()
    with version.lane.admission.admit(10):
        with pytest.raises(Overloaded):
            await client.ask(line_of(Versions(version)))
        assert client.bodies_read == 0
    await client.ask(line_of(Versions(version)))
    assert version.lane.admission.requests_in_flight == 0


async def test_a_user_in_the_body_gives_the_first_permit_back_and_is_admitted_by_their_own_version() -> None:
    first, own = served(EchoModel(), requests=1), served(EchoModel(), version="4")
    client = Client(b'{"features": [1, 2], "user": "ann"}')
    with own.lane.admission.admit(1):
        answer = await client.ask(line_of(Versions(first, ann=own)))
        assert own.lane.admission.requests_in_flight == 1
    assert (answer.version, client.call.version, client.bodies_read) == ("4", "4", 1)
    assert first.lane.admission.requests_in_flight == 0


async def test_the_body_is_read_again_where_the_users_version_has_another_signature() -> None:
    first, own = served(EchoModel()), served(EchoModel(flat_signature(3)), version="4")
    line = line_of(Versions(first, ann=own))
    with pytest.raises(InvalidInput, match="wrong length") as caught:
        await Client(b'{"features": [1, 2], "user": "ann"}').ask(line)
    assert caught.value.expected == "3 numbers"
    assert own.lane.admission.requests_in_flight == 0


async def test_the_body_is_read_again_where_either_version_has_a_task_of_its_own() -> None:
    model = EchoModel()
    task = AdaptedTask(Pairs(Setup()), model.signature, None)
    threads = TaskThreads(UnobservedTask())
    own = ServedVersion("echo", "4", model.signature, task, served(model).lane, threads=threads)
    body = b'{"features": [1, 2], "user": "ann"}'
    versions = {"first": served(EchoModel()), "own": own}
    for chosen, expected in (("own", [[2, 1]]), ("first", [[1, 2]])):
        other = next(version for name, version in versions.items() if name != chosen)
        answer = await Client(body).ask(line_of(Versions(other, ann=versions[chosen])))
        assert answer.outputs["y"].tolist() == expected
    for version in versions.values():
        version.close()


class SlowTask(TabularClassification):
    """Says on which thread its results are formed."""

    slow_results = True
    thread = ""

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """None at all."""
        del question, outputs
        self.thread = threading.current_thread().name
        return []


async def test_results_that_take_long_are_formed_on_a_thread_that_is_not_the_loops() -> None:
    version = served(EchoModel())
    task = SlowTask(version.signature)
    slow = ServedVersion("echo", "3", version.signature, task, version.lane)
    await Client().ask(line_of(Versions(slow)))
    assert task.thread.startswith("reading")
    slow.close()


@pytest.mark.parametrize("inline_rows", [0, 100])
async def test_a_model_that_breaks_down_breaks_only_its_own_request(inline_rows: int) -> None:
    bad, good = served(FailingModel(inline_rows=inline_rows)), served(EchoModel(inline_rows=inline_rows))
    with pytest.raises(Exception, match="the model failed"):
        await Client().ask(line_of(Versions(bad)))
    assert bad.lane.admission.requests_in_flight == 0
    assert (await Client().ask(line_of(Versions(good)))).version == "3"
    for version in (bad, good):
        version.lane.close()


class Counting(EchoModel):
    """Counts its runs."""

    runs = 0

    def run(self, inputs: Tensors) -> Tensors:
        """One more."""
        self.runs += 1
        return super().run(inputs)


async def test_a_kept_answer_is_given_without_a_run_unless_it_is_not_to_be_stored() -> None:
    model = Counting()
    line = line_of(Versions(served(model)), cache=MemoryCache(1 << 20))
    outputs: list[NDArray[Any]] = [(await Client().ask(line)).outputs["y"] for _ in range(3)]
    assert model.runs == 1
    assert all(np.array_equal(each, [[1, 2]]) for each in outputs)
    await Client(cache_control="no-store").ask(line)
    assert model.runs == 2
    await Client(b'{"features": [2, 1]}').ask(line)
    assert model.runs == 3
