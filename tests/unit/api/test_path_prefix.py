"""Behind a proxy that publishes the server under a path of its own."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from plimsoll.api.path_prefix import PathPrefix, PrefixedRoutes

from tests.doubles.asgi import Exchange, http_scope
from tests.unit.api.conftest import Edge

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def prefix_of(prefix: PathPrefix, said: str | None, peer: str = "10.1.2.3") -> str:
    scope = http_scope("/", headers={} if said is None else {"x-forwarded-prefix": said})
    scope["client"] = (peer, 50000)
    return prefix.of(scope)


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"])
def test_a_trusted_proxy_says_the_prefix_rather_than_the_setting(peer: str) -> None:
    assert prefix_of(PathPrefix("/set", PROXIES), "/team/a", peer) == "/team/a"
    assert prefix_of(PathPrefix("/set", PROXIES), None, peer) == "/set"


@pytest.mark.parametrize("peer", ["192.168.0.1", "127.0.0.1", "::1", "::ffff:11.0.0.1"])
def test_from_anybody_else_it_counts_as_not_sent(peer: str) -> None:
    assert prefix_of(PathPrefix("/set", PROXIES), "/forged", peer) == "/set"
    assert prefix_of(PathPrefix(), "/forged", peer) == ""


def test_a_header_that_was_added_to_the_clients_own_counts_as_not_sent() -> None:
    scope = http_scope("/")
    scope["client"] = ("10.1.2.3", 50000)
    scope["headers"] += [(b"x-forwarded-prefix", b"/forged"), (b"x-forwarded-prefix", b"/team/a")]
    assert PathPrefix("/set", PROXIES).of(scope) == "/set"


@pytest.mark.parametrize(
    "said",
    ["", "/", "team", "/team/", "//evil.example", "/<script>alert(1)</script>", '/"onload="', "/a b", "/a/../b",
     "/a,/b", "/%2e%2e", "https://evil.example", "/\xe9", "/" + "a" * 300],
)  # fmt: skip
async def test_what_is_no_path_prefix_counts_as_not_sent_also_from_a_proxy(edge: Edge, said: str) -> None:
    assert prefix_of(PathPrefix("/set", PROXIES), said) == "/set"
    for path in ("/", "/openapi.json", "/docs", "/redoc"):  # its client is one that this server trusts
        with_it = await edge.client.get(path, headers={b"x-forwarded-prefix": said.encode("latin-1")})
        assert with_it.content == (await edge.client.get(path)).content


def test_the_log_says_once_why_a_prefix_is_ignored_and_never_quotes_it(caplog: pytest.LogCaptureFixture) -> None:
    prefix = PathPrefix("/set", PROXIES)
    for _ in range(2):
        prefix_of(prefix, "/forged", "192.168.0.1")
        prefix_of(prefix, "//evil.example")
    assert [(record.getMessage(), record.__dict__["peer"]) for record in caplog.records] == [
        ("X-Forwarded-Prefix is ignored: who sent it is not among PLIMSOLL_TRUSTED_PROXIES", "192.168.0.1"),
        (
            "X-Forwarded-Prefix is ignored: it is no path prefix, which is a slash and a name, once or more often",
            "10.1.2.3",
        ),
    ]


async def test_the_index_and_the_document_go_by_the_prefix(edge: Edge) -> None:
    headers = {"x-forwarded-prefix": "/team/a"}
    index = (await edge.client.get("/", headers=headers)).json()
    assert index == {
        "name": "plimsoll",
        "version": "1.2.3",
        "status": "alive",
        "links": {
            "docs": "/team/a/docs", "redoc": "/team/a/redoc", "openapi": "/team/a/openapi.json",
            "models": "/team/a/v1/models", "predict": "/team/a/v1/predict", "open_inference": "/team/a/v2",
            "health": "/team/a/v1/health",
        },
    }  # fmt: skip
    assert (await edge.client.get("/openapi.json", headers=headers)).json()["servers"] == [{"url": "/team/a"}]
    assert (await edge.client.get("/openapi.json")).json()["servers"] == [{"url": "/"}]


async def test_every_link_of_the_index_leads_somewhere(edge: Edge) -> None:
    links = (await edge.client.get("/")).json()["links"]
    assert {(await edge.client.get(path)).status_code for name, path in links.items() if name != "predict"} <= {
        200,
        503,
    }
    assert (await edge.client.get(links["predict"])).status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/livez", 200), ("/team/a/livez", 200), ("/team/a/", 200), ("/", 200), ("/team/a/docs", 200)),
        *(("/team/a", 404), ("/team/ab/livez", 404), ("/team/livez", 404), ("/team/a/team/a/livez", 404)),
    ],
)
async def test_a_proxy_may_leave_the_prefix_in_the_path(edge: Edge, path: str, status: int) -> None:
    exchange = await Exchange(PrefixedRoutes(edge.asgi, "/team/a"), http_scope(path)).run()
    assert exchange.status == status
