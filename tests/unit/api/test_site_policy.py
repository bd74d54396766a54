"""Which names and which web pages a request may come from."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.api.site_policy import SitePolicy
from plimsoll.inference.request_head import RequestHead

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.models import EchoModel
from tests.unit.api.conftest import ORIGINS, Edge

LOOPBACK = SitePolicy(("localhost", "127.0.0.1", "[::1]"))
ROW = b'{"features": [0.25, 0.75]}'


def code(policy: SitePolicy, **headers: str | None) -> str:
    """The code of the refusal, or nothing."""
    scope = http_scope("/v1/models", headers={name: value for name, value in headers.items() if value is not None})
    if headers.get("host", "") is None:
        scope["headers"] = [field for field in scope["headers"] if field[0] != b"host"]
    fault = policy.fault(RequestHead(scope["headers"]))
    return "" if fault is None else fault.code


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8000", "[::1]:"],
)
def test_a_server_goes_by_its_names_however_they_are_written_and_on_any_port(host: str) -> None:
    for _ in range(2):  # the second time it is remembered
        assert code(LOOPBACK, host=host) == ""


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "localhost.evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]",
     "0.0.0.0", "localhost@evil.example", "127.0.0.2", "::1]", "\xc5\xbfocalhost", ":8000", "127.1"],  # noqa: S104
)  # fmt: skip
def test_any_other_name_is_refused(host: str | None) -> None:
    for _ in range(2):
        assert code(LOOPBACK, host=host) == "host_not_allowed"


def test_a_refused_name_is_told_with_those_that_would_do() -> None:
    fault = LOOPBACK.fault(RequestHead(http_scope("/", headers={"host": "evil.example"})["headers"]))
    assert fault is not None
    assert (fault.status, fault.given) == (400, "'evil.example'")
    assert fault.expected == "a Host among 127.0.0.1, [::1], localhost"


def test_without_names_any_will_do() -> None:
    assert code(SitePolicy(), host="evil.example") == ""
    assert code(SitePolicy(), host=None) == ""


def test_names_may_be_given_with_a_port_and_addresses_without_brackets() -> None:
    policy = SitePolicy(("digits.example:8000", "::1"))
    assert code(policy, host="digits.example") == code(policy, host="[::1]:9") == ""


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("localhost:8000", "HTTP://LOCALHOST:8000"),
        ("digits.example", "https://digits.example"),
        ("digits.example:443", "https://digits.example"),
        ("digits.example", "http://digits.example:80"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("anything", "https://app.example"),
    ],
)
def test_pages_of_the_server_and_of_listed_origins_may_send(host: str, origin: str) -> None:
    assert code(SitePolicy((), ("https://app.example/",)), host=host, origin=origin) == ""


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "http://evil.example", "https://localhost:8001", "http://localhost", "localhost:8000", "://",
        "file://", "ftp://localhost:8000", "http://app.example", "https://app.example.evil.example",
        "http://localhost:8000.evil.example", "http://localhost:8000, http://evil.example",
    ],
)  # fmt: skip
def test_a_page_of_any_other_origin_is_refused(origin: str) -> None:
    assert code(SitePolicy((), ("https://app.example",)), host="localhost:8000", origin=origin) == "origin_not_allowed"


def test_a_page_without_an_origin_is_told_what_it_may_be() -> None:
    fault = SitePolicy().fault(RequestHead(http_scope("/", headers={"origin": "null"})["headers"]))
    assert fault is not None
    assert fault.message == (
        "a page without an origin may not send requests here: browsers send 'null' for a file on disk, a sandboxed "
        "frame and some redirects"
    )


@given(host=st.binary(max_size=20), origin=st.none() | st.binary(max_size=30))
def test_whatever_the_bytes_are_there_is_an_answer_and_it_stays_the_same(host: bytes, origin: bytes | None) -> None:
    policy = SitePolicy(("localhost",))
    headers = {"host": host.decode("latin-1")} | ({} if origin is None else {"origin": origin.decode("latin-1")})
    assert code(policy, **headers) == code(policy, **headers)


def test_names_with_made_up_ports_do_not_pile_up() -> None:
    policy = SitePolicy(("localhost",))
    tracemalloc.start()
    try:
        assert {code(policy, host=f"localhost:{port}") for port in range(20_000)} == {""}
        assert tracemalloc.get_traced_memory()[0] < 200_000
    finally:
        tracemalloc.stop()


async def test_a_foreign_page_gets_403_on_every_route_before_anything_is_read_and_is_counted(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    for method, path in (("POST", "/v1/predict"), ("GET", "/v1/models"), ("GET", "/docs"), ("GET", "/v1/nowhere")):
        scope = http_scope(path, method, {"origin": "http://evil.example", "content-type": "application/json"})
        exchange = await Exchange(edge.asgi, scope, ()).run()
        assert exchange.status == 403
    assert [(outcome.status, outcome.code) for outcome in edge.observer.outcomes] == [(403, "origin_not_allowed")]
    assert edge.state.in_flight == edge.observer.in_flight == 0


async def test_an_upgrade_that_a_foreign_page_asks_for_is_refused_too(edge: Edge) -> None:
    headers = {"origin": "http://evil.example", "upgrade": "websocket", "connection": "Upgrade"}
    exchange = await Exchange(edge.asgi, http_scope("/v1/models/echo/session", "GET", headers), ()).run()
    assert exchange.status == 403


async def test_a_name_that_was_pointed_here_gets_400(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    headers = {"host": "evil.example", "origin": "http://evil.example", "content-type": "application/json"}
    exchange = await Exchange(edge.asgi, http_scope("/v1/predict", "POST", headers), ()).run()
    assert exchange.status == 400
    assert edge.observer.outcomes[-1].code == "host_not_allowed"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/metrics"])
async def test_probes_are_answered_whatever_name_they_use(edge: Edge, path: str) -> None:
    edge.serve("echo", "1", EchoModel())
    headers = {"host": "10.1.2.3:8000", "origin": "http://evil.example"}
    assert (await Exchange(edge.asgi, http_scope(path, headers=headers)).run()).status == 200


async def test_the_own_page_may_ask(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    headers = {"host": "localhost:8000", "origin": "http://localhost:8000", "content-type": "application/json"}
    assert (await Exchange(edge.asgi, http_scope("/v1/predict", "POST", headers), [ROW]).run()).status == 200


ASKS = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}


async def test_a_page_of_a_listed_origin_may_ask_before_it_sends(edge: Edge) -> None:
    for path in ("/v1/predict", "/v1/models", "/v1/nowhere"):
        exchange = await Exchange(edge.asgi, http_scope(path, "OPTIONS", {"origin": ORIGINS[0], **ASKS})).run()
        assert exchange.status == 204
        assert exchange.headers["access-control-allow-origin"] == ORIGINS[0]
        assert "POST" in exchange.headers["access-control-allow-methods"].split(", ")
        allowed = exchange.headers["access-control-allow-headers"].split(", ")
        assert {"authorization", "content-type", "x-plimsoll-version"} <= set(allowed)
        assert exchange.headers["vary"] == "origin"


async def test_a_page_of_a_listed_origin_may_read_answers_and_refusals(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    fields = {"origin": ORIGINS[0], "content-type": "application/json"}
    for body, status in ((ROW, 200), (b"{", 400)):
        exchange = await Exchange(edge.asgi, http_scope("/v1/predict", "POST", fields), (body,)).run()
        assert exchange.status == status
        assert exchange.headers["access-control-allow-origin"] == ORIGINS[0]
        assert "x-request-id" in exchange.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", [None, "http://testserver", "http://evil.example", "null"])
async def test_nobody_else_is_told_anything_of_other_origins(edge: Edge, origin: str | None) -> None:
    headers = {"host": "testserver", **ASKS, **({} if origin is None else {"origin": origin})}
    for method in ("OPTIONS", "GET"):
        exchange = await Exchange(edge.asgi, http_scope("/v1/models", method, headers)).run()
        assert exchange.status != 204
        assert [name for name in exchange.headers if name.startswith("access-control")] == []
        assert exchange.headers["vary"] == "origin", "a cache must not give this answer to a listed page"


def test_an_origin_may_be_listed_with_the_port_that_browsers_leave_out() -> None:
    assert code(SitePolicy((), ("https://app.example:443",)), host="x", origin="https://app.example") == ""


async def test_every_answer_is_to_be_taken_for_what_it_says(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    json = {"content-type": "application/json"}
    for method, path in (("POST", "/v1/predict"), ("GET", "/v1/models"), ("GET", "/livez"), ("GET", "/nowhere")):
        exchange = await Exchange(edge.asgi, http_scope(path, method, json), (ROW,)).run()
        assert exchange.headers["x-content-type-options"] == "nosniff"
        assert exchange.headers["referrer-policy"] == "no-referrer"
