from __future__ import annotations

import httpx
from plimsoll.api.metrics_endpoint import MetricsEndpoint

from tests.unit.api.conftest import Edge

PLAIN = "text/plain; version=0.0.4; charset=utf-8"


async def test_an_application_of_its_own_serves_the_metrics_and_nothing_else() -> None:
    scrapes = iter([b"up 1\n", b"up 2\n"])
    app = MetricsEndpoint(lambda _: (next(scrapes), PLAIN)).application()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plimsoll") as client:
        first, second = await client.get("/metrics"), await client.get("/metrics")
        assert (first.content, second.content) == (b"up 1\n", b"up 2\n")
        assert first.headers["content-type"] == PLAIN
        assert (await client.get("/v1/models")).status_code == 404
        assert (await client.post("/metrics")).status_code == 405


async def test_what_the_scraper_accepts_is_asked_for() -> None:
    app = MetricsEndpoint(lambda accept: (accept.encode(), PLAIN)).application()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plimsoll") as client:
        assert (await client.get("/metrics", headers={"Accept": "application/x; q=1"})).text == "application/x; q=1"


async def test_on_the_main_port_it_is_a_route_among_others(edge: Edge) -> None:
    reply = await edge.client.get("/metrics")
    assert (reply.status_code, reply.text) == (200, "up 1\n")
    assert reply.headers["content-type"] == "text/plain; version=test"
