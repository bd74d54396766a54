"""docs/path-prefix.md: a real nginx with what stands there, before a real server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.conftest import REPOSITORY
from tests.integration.published import PREFIX, WAYS, Way, published
from tests.integration.served_process import ServedProcess

KNOWING = ["a proxy that takes the prefix away", "a proxy that leaves it"]


@pytest.fixture(scope="module", params=KNOWING)
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = WAYS[request.param]
    return found


@pytest.fixture(scope="module")
def url(way: Way, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with published(way, tmp_path_factory.mktemp("nginx")) as url:
        yield url


def test_every_link_and_every_server_that_is_named_can_be_asked_from_outside(url: str) -> None:
    index = httpx.get(url + "/").json()
    outside = url.removesuffix(PREFIX)
    for name, path in index["links"].items():
        assert path.startswith(PREFIX + "/")
        assert httpx.get(outside + path).status_code == (405 if name == "predict" else 200)
    document = httpx.get(outside + index["links"]["openapi"]).json()
    assert document["servers"] == [{"url": PREFIX}]
    example = document["components"]["examples"]["digits.2.one-row"]["value"]
    for server in document["servers"]:
        assert httpx.post(f"{outside}{server['url']}/v1/predict", json=example).status_code == 200


def test_a_client_cannot_choose_the_prefix(url: str) -> None:
    for forged in ("/forged", "/<script>"):
        answers = [
            httpx.get(url + path, headers={"x-forwarded-prefix": forged}).text for path in ("/", "/openapi.json")
        ]
        assert not any(forged in answer for answer in answers)


@pytest.mark.parametrize("prefix", ["team/plimsoll", "/team/plimsoll/"])
def test_a_prefix_that_is_none_is_one_sentence_at_the_start(prefix: str) -> None:
    process = ServedProcess(models=REPOSITORY / "models")
    process.start(PLIMSOLL_ROOT_PATH=prefix)
    assert process.exit_code() == 2
    assert (
        process.log()
        .strip()
        .splitlines()[-1]
        .endswith(
            "PLIMSOLL_ROOT_PATH: a path prefix begins with a slash, does not end with one and needs no escaping, as "
            f"/team/plimsoll (given: '{prefix}')"
        )
    )
    process.kill()
