"""Whose request it is: the same user gets the same version, by a header or by a field of the body."""

from __future__ import annotations

from typing import Any

import pytest
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import LIMITS, Edge

ROW = {"features": [0.25, 0.75]}
MOST_LOTS = 1000
"""One in two lots falls on the right version."""
USERS = [f"user {number}" for number in range(40)]


def serve_two(edge: Edge, limits: LaneLimits = LIMITS) -> tuple[BatchLane, BatchLane]:
    """Versions 1 and 2 with half of the requests each; the limits are those of version 2."""
    lanes = edge.serve("echo", "1", EchoModel()), edge.serve("echo", "2", EchoModel(), limits)
    halves = [DesiredVersion(version=version, weight=50) for version in ("1", "2")]
    edge.registry.desire(DesiredState(models=[DesiredModel(name="echo", versions=halves)]))
    return lanes


async def version_of(edge: Edge, headers: dict[str, str] | None = None, **body: Any) -> str:
    reply = await edge.client.post("/v1/predict", json={**ROW, **body}, headers=headers)
    assert reply.status_code == 200
    assert edge.observer.last == ("echo", reply.json()["version"], 200)
    return str(reply.headers["x-plimsoll-version"])


async def test_the_field_and_the_header_give_a_user_the_same_version(edge: Edge) -> None:
    lanes = serve_two(edge)
    by_header = {user: await version_of(edge, {"x-plimsoll-user": user}) for user in USERS}
    by_field = {user: await version_of(edge, user=user) for user in USERS}
    assert by_header == by_field
    assert set(by_field.values()) == {"1", "2"}
    assert [lane.admission.requests_in_flight for lane in lanes] == [0, 0]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
async def test_a_name_beyond_ascii_is_the_same_user_in_the_header_and_in_the_body(edge: Edge, encoding: str) -> None:
    serve_two(edge)
    for number in range(20):
        user = f"jürgen {number}"
        by_field = await version_of(edge, user=user)
        reply = await edge.client.post("/v1/predict", json=ROW, headers=[(b"x-plimsoll-user", user.encode(encoding))])
        assert reply.headers["x-plimsoll-version"] == by_field


async def test_the_header_goes_before_the_field_and_a_pin_before_both(edge: Edge) -> None:
    serve_two(edge)
    versions = {user: await version_of(edge, {"x-plimsoll-user": user}) for user in USERS}
    one = next(user for user in USERS if versions[user] == "1")
    two = next(user for user in USERS if versions[user] == "2")
    for _ in range(8):
        assert await version_of(edge, {"x-plimsoll-user": one}, user=two) == "1"
        assert await version_of(edge, {"x-plimsoll-version": "1"}, user=two) == "1"


async def test_no_user_is_nobody_in_particular(edge: Edge) -> None:
    serve_two(edge)
    assert {await version_of(edge, user=None) for _ in range(60)} == {"1", "2"}


async def test_the_door_of_the_version_that_the_user_belongs_to_decides(edge: Edge) -> None:
    lanes = serve_two(edge, LaneLimits(AdmissionLimits(requests=0, bytes=0), LIMITS.batch))
    replies = {}
    for user in USERS:
        replies[user] = await edge.client.post(
            "/v1/predict", json={**ROW, "user": user}, headers={"x-plimsoll-user": user}
        )
        full = replies[user].status_code == 429
        # Without the header a lot may fall on the full version first, which refuses before the body is read.
        for _ in range(MOST_LOTS):
            reply = await edge.client.post("/v1/predict", json={**ROW, "user": user})
            if reply.status_code == 200 or full:
                break
        else:
            pytest.fail(f"no lot of {MOST_LOTS} fell on the other version")
        assert reply.status_code == replies[user].status_code
    assert {reply.status_code for reply in replies.values()} == {200, 429}
    assert [lane.admission.requests_in_flight for lane in lanes] == [0, 0]
    assert edge.observer.in_flight == 0


@pytest.mark.parametrize("user", [7, True, ["ann"], {"name": "ann"}])
async def test_a_user_that_is_no_text_is_refused(edge: Edge, user: object) -> None:
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.post("/v1/predict", json={**ROW, "user": user})
    error = reply.json()["error"]
    assert (reply.status_code, error["message"], error["expected"]) == (422, "'user' has the wrong type", "a string")
