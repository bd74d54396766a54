"""Tests how a request shows its key, and which routes the key opens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.access.keys import KeyEntry, KeyRing, Scope, new_key
from plimsoll.api.auth import Gate
from plimsoll.errors import Forbidden, Unauthorized
from plimsoll.inference.call import Call
from plimsoll.inference.request_head import RequestHead
from starlette.requests import Request
from starlette.types import Scope as AsgiScope

from tests.doubles.asgi import http_scope

USER, USER_SHA256 = new_key()
OPERATOR, OPERATOR_SHA256 = new_key()
RING = KeyRing(
    (
        KeyEntry(label="user", sha256=USER_SHA256, scopes=frozenset({"predict"})),
        KeyEntry(label="operator", sha256=OPERATOR_SHA256, scopes=frozenset({"admin"})),
    )
)


def asked(**headers: str) -> Call:
    """A request with these headers."""
    return Call(RequestHead(scope_of(**headers)["headers"]))


def scope_of(**headers: str) -> AsgiScope:
    return http_scope("/v1/predict", "POST", {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("needed", ["predict", "admin"])
def test_without_keys_everybody_may_ask(needed: Scope) -> None:
    Gate(None).check(asked(), needed)
    Gate(None).check(asked(authorization="Bearer whatever"), needed)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {USER}"},
        {"authorization": f"bearer {USER}"},
        {"authorization": f"BEARER  {USER} "},
        {"x_api_key": USER},
        {"x_api_key": f" {USER} "},
        {"authorization": "Basic dXNlcjpwYXNz", "x_api_key": USER},
    ],
)
def test_a_key_is_shown_as_a_bearer_or_in_a_header_of_its_own(headers: dict[str, str]) -> None:
    request = asked(**headers)
    Gate(RING).check(request, "predict")
    assert request.principal == "user"


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Basic abc"}, {"authorization": "Bearer "}, {"x_api_key": ""}]
)
def test_without_a_key_the_error_says_how_to_show_one(headers: dict[str, str]) -> None:
    request = asked(**headers)
    with pytest.raises(Unauthorized) as caught:
        Gate(RING).check(request, "predict")
    assert (caught.value.expected, caught.value.given) == ("Authorization: Bearer <key>", "none")
    assert not request.principal


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {USER}x"},
        {"authorization": f"Bearer {USER_SHA256}"},
        {"authorization": "Bearer wrong", "x_api_key": USER},  # a bearer that is shown is the key that counts
    ],
)  # fmt: skip
def test_a_key_that_is_not_known_is_not_repeated_in_the_error(headers: dict[str, str]) -> None:
    request = asked(**headers)
    with pytest.raises(Unauthorized, match="not known") as caught:
        Gate(RING).check(request, "predict")
    assert caught.value.given is None
    assert not request.principal


def test_a_key_without_the_scope_is_refused_and_its_owner_is_noted() -> None:
    request = asked(x_api_key=OPERATOR)
    with pytest.raises(Forbidden) as caught:
        Gate(RING).check(request, "predict")
    assert (caught.value.expected, caught.value.given) == ("a key with scope predict", "scopes admin")
    assert request.principal == "operator"


def test_another_ring_holds_from_the_next_request_on() -> None:
    gate = Gate(RING)
    gate.use(KeyRing((KeyEntry(label="new", sha256=OPERATOR_SHA256, scopes=frozenset({"predict"})),)))
    gate.check(asked(x_api_key=OPERATOR), "predict")
    with pytest.raises(Unauthorized):
        gate.check(asked(x_api_key=USER), "predict")


def test_a_head_that_requests_share_is_judged_anew_by_another_ring_and_for_another_scope() -> None:
    gate, head = Gate(RING), asked(x_api_key=USER).head
    for _ in range(2):
        call = Call(head)
        gate.check(call, "predict")
        assert call.principal == "user"
        with pytest.raises(Forbidden):
            gate.check(Call(head), "admin")
    gate.use(KeyRing())
    for _ in range(2):
        with pytest.raises(Unauthorized):
            gate.check(Call(head), "predict")
    gate.use(RING)
    gate.check(Call(head), "predict")


def test_a_route_of_fastapi_is_gated_in_the_same_way() -> None:
    gate = Gate(RING)
    gate.requires("admin")(Request(scope_of(x_api_key=OPERATOR)))
    with pytest.raises(Forbidden):
        gate.requires("predict")(Request(scope_of(x_api_key=OPERATOR)))


@given(st.text(st.characters(max_codepoint=255), max_size=60), st.sampled_from(["authorization", "x_api_key"]))
def test_any_header_is_a_known_key_or_refused(value: str, name: str) -> None:
    with pytest.raises(Unauthorized):
        Gate(RING).check(asked(**{name: value}), "predict")
