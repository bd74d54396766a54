from __future__ import annotations

import re

import pytest
from plimsoll.inference.call import Call, begin_call, call_of
from plimsoll.inference.request_head import RequestHead

from tests.doubles.asgi import http_scope


def test_a_call_knows_its_head_and_when_it_began() -> None:
    call = Call(RequestHead([(b"x-request-id", b"me-1")]), "/v1/predict", {"name": "digits"})
    assert (call.request_id, call.route, call.named) == ("me-1", "/v1/predict", {"name": "digits"})
    assert 0 <= call.seconds() < 60
    assert (call.principal, call.model, call.version, call.status, call.queue_seconds) == ("", "", "", None, None)


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 129, "ü".encode()])
def test_an_id_that_is_not_sensible_is_replaced(given: bytes) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", Call(RequestHead([(b"x-request-id", given)])).request_id)


def test_a_scope_has_one_call() -> None:
    scope = http_scope("/v1/models")
    assert call_of(scope) is call_of(scope)
    begun = begin_call(scope, "/v1/predict", {})
    assert call_of(scope) is begun
