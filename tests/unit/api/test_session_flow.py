"""The flow of sessions: back-pressure, clients that leave or are idle, and the drain."""

from __future__ import annotations

import asyncio

import pytest
from plimsoll.api import session
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import LaneLimits

from tests.doubles.models import EchoModel, SlowModel
from tests.unit.api.conftest import Edge
from tests.unit.api.sessions import MANY, ROW, opened
from tests.unit.eventually import eventually


async def test_at_most_sixteen_are_in_flight_and_then_nothing_is_read(edge: Edge) -> None:
    model = SlowModel()
    edge.serve("echo", "3", model, MANY)
    talk = await opened(edge)
    for n in range(40):
        talk.say({"id": n, "features": ROW})
    await eventually(lambda: edge.observer.in_flight == 16)
    await asyncio.sleep(0.05)
    assert (talk.received, edge.observer.in_flight) == (16, 16)
    model.release.set()
    assert sorted([(await talk.hear())["id"] for _ in range(40)]) == list(range(40))
    talk.leave()
    await talk.ended()


async def test_answers_come_in_the_order_in_which_they_finish(edge: Edge) -> None:
    model = SlowModel()
    edge.serve("echo", "3", model, MANY)
    talk = await opened(edge)
    talk.say({"id": "slow", "features": ROW})
    await eventually(model.running.is_set)
    talk.say({"id": "bad", "features": []})
    assert (await talk.hear())["id"] == "bad"
    model.release.set()
    assert (await talk.hear())["id"] == "slow"
    talk.leave()


async def test_a_client_that_does_not_read_its_answers_is_not_read(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel(), MANY)
    talk = await opened(edge)
    talk.may_send.clear()
    for n in range(100):
        talk.say({"id": n, "features": ROW})
    await eventually(lambda: talk.received == 16)
    await asyncio.sleep(0.05)
    assert talk.received == 16
    assert edge.observer.in_flight == 0, "no permit is held meanwhile"
    talk.may_send.set()
    assert len([await talk.hear() for _ in range(100)]) == 100
    talk.leave()


@pytest.mark.parametrize("messages", [3, 30])
async def test_what_has_not_run_never_runs_once_the_client_has_left(edge: Edge, messages: int) -> None:
    model = SlowModel()
    lane = edge.serve("echo", "3", model, MANY)
    talk = await opened(edge)
    for n in range(messages):
        talk.say({"id": n, "features": ROW})
    await eventually(lambda: edge.observer.in_flight == min(messages, 16))
    talk.leave()
    await talk.ended()
    assert edge.state.in_flight == edge.observer.in_flight == lane.admission.requests_in_flight == 0
    assert {(each.status, each.code) for each in edge.observer.outcomes} == {(499, "client_gone")}
    model.release.set()
    await asyncio.sleep(0.05)
    assert len(model.threads) == 1


async def test_a_full_queue_refuses_the_message_and_names_its_id(edge: Edge) -> None:
    model = SlowModel()
    edge.serve("echo", "3", model, LaneLimits(AdmissionLimits(1, 10_000), MANY.batch))
    talk = await opened(edge)
    talk.say({"id": "in", "features": ROW})
    await eventually(model.running.is_set)
    talk.say({"id": "out", "features": ROW})
    answer = await talk.hear()
    assert (answer["id"], answer["error"]["code"]) == ("out", "overloaded")
    model.release.set()
    assert (await talk.hear())["id"] == "in"
    talk.leave()


async def test_a_drain_reads_no_more_answers_what_is_there_and_goes_away(edge: Edge) -> None:
    model = SlowModel()
    edge.serve("echo", "3", model, MANY)
    talk = await opened(edge)
    for n in range(3):
        talk.say({"id": n, "features": ROW})
    await eventually(lambda: edge.observer.in_flight == 3)
    edge.state.refuse()
    assert (await opened(edge)).status == 503
    talk.say({"id": "late", "features": ROW})
    await asyncio.sleep(0.02)
    assert (edge.observer.in_flight, talk.unheard) == (3, 0)
    model.release.set()
    await talk.ended()
    assert sorted([(await talk.hear())["id"] for _ in range(3)]) == [0, 1, 2]
    assert talk.close == {
        "type": "websocket.close", "code": 1001, "reason": "this server is stopping; open another session",
    }  # fmt: skip
    assert edge.state.in_flight == 0


async def test_what_is_in_flight_when_the_drain_is_over_is_dropped(edge: Edge) -> None:
    model = SlowModel()
    lane = edge.serve("echo", "3", model, MANY)
    talk = await opened(edge)
    talk.say({"id": 1, "features": ROW})
    await eventually(model.running.is_set)
    edge.state.refuse()
    edge.state.cut_off()
    await talk.ended()
    assert talk.close["code"] == 1001
    assert lane.admission.requests_in_flight == edge.observer.in_flight == 0
    model.release.set()


async def test_an_idle_session_is_closed_and_a_busy_one_is_not(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "IDLE_SECONDS", 0.03)
    model = SlowModel()
    edge.serve("echo", "3", model, MANY)
    talk = await opened(edge)
    talk.say({"id": 1, "features": ROW})
    await eventually(model.running.is_set)
    await asyncio.sleep(0.1)
    assert talk.close == {}
    model.release.set()
    assert (await talk.hear())["id"] == 1
    await talk.ended()
    assert talk.close["code"] == 1000
