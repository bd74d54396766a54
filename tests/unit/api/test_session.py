"""Sessions over ASGI: handshakes, messages, their errors, back-pressure, clients that leave, and the drain."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from plimsoll.access.keys import KeyRing
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import LaneLimits

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.models import EchoModel, flat_signature
from tests.unit.api.conftest import MAX_BODY_BYTES, Edge
from tests.unit.api.sessions import MANY, PATH, ROW, opened


async def test_a_message_is_answered_as_predict_answers_with_its_id(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    talk = await opened(edge)
    assert talk.status == 101
    talk.say({"id": "a", "features": ROW})
    answer = await talk.hear()
    assert answer.pop("latency_ms") > 0
    predictions = [{"class": "b", "probabilities": ROW}]
    assert answer == {"id": "a", "model": "echo", "version": "3", "predictions": predictions}
    talk.say({"instances": [ROW, ROW], "user": "ann", "id": 7})
    answer = await talk.hear()
    assert (answer["id"], len(answer["predictions"])) == (7, 2)
    talk.leave()
    await talk.ended()
    assert [(each.protocol, each.model, each.version, each.status) for each in edge.observer.outcomes] == [
        ("v1-session", "echo", "3", 200)
    ] * 2
    assert edge.observer.in_flight == edge.state.in_flight == 0


@pytest.mark.parametrize(
    ("message", "said_id", "code"),
    [
        ('{"id": 1, "features": [1]}', 1, "invalid_input"),
        ('{"id": 1, "features": [1, 2}', None, "not_json"),
        ('{"id": 1}', 1, "invalid_input"),
        ('{"features": [1, 2]}', None, "invalid_input"),
        ('{"id": null, "features": [1, 2]}', None, "invalid_input"),
        ('{"id": 1.5, "features": [1, 2]}', None, "invalid_input"),
        ('{"id": true, "features": [1, 2]}', None, "invalid_input"),
        ('{"id": [1], "features": [1, 2]}', None, "invalid_input"),
        ('{"id": 9223372036854775808, "features": [1, 2]}', None, "invalid_input"),
        ('{"id": "%s", "features": [1, 2]}' % ("x" * 129), None, "invalid_input"),
        ('{"id": "é\\n", "other": [1, 2]}', "é\n", "invalid_input"),
        ("[1, 2]", None, "invalid_input"),
        ("", None, "empty_body"),
        ("nonsense", None, "not_json"),
        (b"\x00\x01", None, "unsupported_media_type"),
        ("[" * 100_000, None, "not_json"),
        ('{"id": %s}' % ("[" * 100_000), None, "not_json"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_bad_message_is_answered_with_an_error_and_the_session_goes_on(
    edge: Edge, message: str | bytes, said_id: object, code: str
) -> None:
    edge.serve("echo", "3", EchoModel(), MANY)
    talk = await opened(edge)
    talk.say(message)
    answer = await talk.hear()
    assert list(answer) == ["id", "error"]
    assert answer["id"] == said_id
    assert answer["error"]["code"] == code
    assert len(answer["error"]["request_id"]) == 32
    talk.say({"id": 2, "features": ROW})
    assert (await talk.hear())["predictions"]
    talk.leave()
    await talk.ended()
    assert [each.code for each in edge.observer.outcomes] == [code, ""]


async def test_ids_of_every_allowed_form_come_back_as_they_were(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    talk = await opened(edge)
    for each in ("", "x" * 128, "é" * 128, '"\\', 0, -1, 2**63 - 1, 1 - 2**63, "1"):
        talk.say({"id": each, "features": ROW})
        assert (await talk.hear())["id"] == each
    talk.leave()


async def test_a_message_with_far_too_many_fields_is_refused_before_anything_is_made_of_it(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel(), LaneLimits(AdmissionLimits(10, 10_000_000), MANY.batch))
    talk = await opened(edge)
    talk.say({"id": 1} | {str(n): 1 for n in range(100_001)})
    answer = await talk.hear()
    assert "too many fields" in answer["error"]["message"]
    talk.leave()


async def test_every_message_has_a_request_id_of_its_own_and_the_headers_of_the_handshake(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    edge.serve("echo", "4", EchoModel())
    talk = await opened(edge, x_request_id="mine", x_plimsoll_version="3")
    talk.say({"id": 1, "features": [1]})
    talk.say({"id": 2, "features": [1]})
    talk.say({"id": 3, "features": ROW})
    answers = {answer["id"]: answer for answer in [await talk.hear() for _ in range(3)]}
    assert answers[3]["version"] == "3"
    ids = {answers[n]["error"]["request_id"] for n in (1, 2)}
    assert len(ids) == 2
    assert "mine" not in ids
    talk.leave()


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/v1/models/ghost/session", {}, 404, "model_not_found"),
        (PATH, {"origin": "http://evil.example"}, 403, "origin_not_allowed"),
        (PATH, {"host": "evil.example"}, 400, "host_not_allowed"),
        (PATH, {"x_plimsoll_version": "9"}, 404, "version_not_found"),
    ],
)
async def test_a_handshake_is_refused_with_an_http_answer(
    edge: Edge, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    edge.serve("echo", "3", EchoModel())
    talk = await opened(edge, path, **headers)
    assert talk.status == status
    assert f'"{code}"'.encode() in talk.body
    assert edge.observer.outcomes == []
    assert edge.state.in_flight == 0


async def test_a_key_is_asked_for_before_the_accept_and_again_for_each_message(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    edge.gate.use(KeyRing())
    assert (await opened(edge)).status == 401
    edge.gate.ring = None
    talk = await opened(edge)
    edge.gate.use(KeyRing())
    talk.say({"id": 1, "features": ROW})
    answer = await talk.hear()
    assert (answer["id"], answer["error"]["code"]) == (1, "unauthorized")
    talk.leave()


async def test_a_model_that_loads_refuses_with_503(edge: Edge) -> None:
    edge.desire("echo", "1")
    talk = await opened(edge)
    assert talk.status == 503
    assert b'"loading"' in talk.body


async def test_a_request_that_is_no_handshake_is_told_so(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    exchange = await Exchange(edge.asgi, http_scope(PATH)).run()
    assert exchange.status == 400
    assert b'"upgrade_required"' in exchange.sent[1]["body"]
    assert (await Exchange(edge.asgi, http_scope(PATH, "POST")).run()).status == 405


async def test_a_session_is_one_access_line_and_counts_in_flight(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    edge.serve("echo", "3", EchoModel())
    with caplog.at_level(logging.INFO, "plimsoll.access"):
        talk = await opened(edge)
        assert edge.state.in_flight == 1
        for n in range(3):
            talk.say({"id": n, "features": ROW})
            await talk.hear()
        talk.leave()
        await talk.ended()
    (line,) = (record.__dict__ for record in caplog.records)
    assert (line["method"], line["route"], line["status"], line["model"]) == (
        "WEBSOCKET", "/v1/models/{name}/session", 101, "echo",
    )  # fmt: skip


async def test_a_fault_of_ours_fails_its_message_only(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    edge.serve("echo", "3", EchoModel(flat_signature(2)))
    talk = await opened(edge)

    def fail(*_: Any) -> Any:
        raise ValueError("secret")

    with monkeypatch.context() as patch:
        patch.setattr("plimsoll.fronts.v1_session.V1Session.reply", fail)
        talk.say({"id": 5, "features": ROW})
        answer = await talk.hear()
    assert (answer["id"], answer["error"]["code"]) == (5, "internal")
    assert "secret" not in str(answer)
    assert "unexpected error" in caplog.text
    talk.say({"id": 6, "features": ROW})
    assert (await talk.hear())["id"] == 6
    talk.leave()
    await talk.ended()
    assert [each.status for each in edge.observer.outcomes] == [500, 200]


async def test_a_message_of_the_longest_body_is_parsed_on_a_thread(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    talk = await opened(edge)
    talk.say('{"id": 1, "features": [0.25, %s0.75]}' % (" " * (MAX_BODY_BYTES - 100)))
    assert (await talk.hear())["predictions"][0]["class"] == "b"
    talk.leave()
