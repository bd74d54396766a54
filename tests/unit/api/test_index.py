"""The page at / names the server and its other pages, under the prefix of the proxy in front."""

from __future__ import annotations

import pytest

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge


async def test_the_server_says_what_it_is(edge: Edge) -> None:
    reply = await edge.client.get("/")
    assert reply.status_code == 200
    assert (reply.json()["name"], reply.json()["version"], reply.json()["status"]) == ("plimsoll", "1.2.3", "alive")


@pytest.mark.parametrize("name", ["docs", "redoc", "openapi", "models", "open_inference", "health"])
async def test_every_link_leads_somewhere(edge: Edge, name: str) -> None:
    edge.serve("echo", "1", EchoModel())  # without one it is not healthy
    links = (await edge.client.get("/")).json()["links"]
    assert (await edge.client.get(links[name])).status_code == 200


async def test_the_link_to_predict_leads_to_a_route_that_takes_a_post(edge: Edge) -> None:
    links = (await edge.client.get("/")).json()["links"]
    assert (await edge.client.get(links["predict"])).headers["allow"] == "POST"


async def test_links_have_the_prefix_under_which_a_proxy_publishes_the_server(edge: Edge) -> None:
    reply = await edge.client.get("/", headers={"X-Forwarded-Prefix": "/team/plimsoll"})
    links = reply.json()["links"]
    assert set(links) == {"docs", "redoc", "openapi", "models", "predict", "open_inference", "health"}
    assert {link.rpartition("/team/plimsoll")[0] for link in links.values()} == {""}
    assert all(link.startswith("/team/plimsoll/") for link in links.values())
