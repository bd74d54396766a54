"""What clients make up never becomes a series."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from pathlib import Path

from tests.conftest import MakeBundle
from tests.doubles.asgi import Exchange, http_scope
from tests.unit.services import running

REQUESTS = 10_000


def series(scrape: str) -> set[str]:
    """Everything before the value of each sample."""
    return {line.rpartition(" ")[0] for line in scrape.splitlines() if line and not line.startswith("#")}


def made_up(chance: random.Random) -> Callable[[], str]:
    """Words that nobody has said before."""
    return lambda: "".join(chance.choices(string.ascii_letters + string.digits + "-_.~", k=chance.randint(1, 40)))


async def test_ten_thousand_requests_for_made_up_things_add_no_series(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    make_tiny_bundle()
    chance = random.Random(7)  # noqa: S311  # words, not secrets
    word = made_up(chance)
    paths: list[Callable[[], str]] = [
        lambda: f"/{word()}",
        lambda: f"/v1/{word()}/{word()}",
        lambda: f"/v1/models/{word()}",
        lambda: f"/v1/models/{word()}/predict",
        lambda: f"/v1/models/tiny/versions/{word()}/predict",
        lambda: "/v1/predict",
    ]
    async with running(tmp_path) as (application, client):
        before = series((await client.get("/metrics")).text)
        assert any(line.startswith("plimsoll_requests_total") for line in before)
        statuses: set[int | None] = set()
        for _ in range(REQUESTS):
            headers = {"x-plimsoll-version": word(), "x-plimsoll-user": word(), "x-request-id": word()}
            scope = http_scope(chance.choice(paths)(), chance.choice(["POST", "GET"]), headers)
            statuses.add((await Exchange(application.asgi, scope).run()).status)
        after = series((await client.get("/metrics")).text)
    assert statuses == {404, 405}
    assert after == before
