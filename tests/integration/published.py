"""A server as its clients reach it: at its own port, or through nginx under a path prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.hostile.proxies import INSTALL, installed, proxy
from tests.hostile.wire import Address
from tests.integration.conftest import REPOSITORY
from tests.integration.served_process import ServedProcess

PREFIX = "/team/plimsoll"
_TAKES_AWAY, _LEAVES = re.findall(r"```nginx\n(.*?)```", (REPOSITORY / "docs/path-prefix.md").read_text(), re.DOTALL)
_TELLS_NOBODY = re.sub(r".*X-Forwarded-Prefix.*\n", "", _TAKES_AWAY)


@dataclass(frozen=True)
class Way:
    """How clients reach the server: through nginx with these locations, where there are any."""

    locations: str = ""
    root_path: str = ""
    trusted_proxies: str = ""


WAYS = {
    "its own port": Way(),
    "a proxy that takes the prefix away": Way(_TAKES_AWAY, trusted_proxies="127.0.0.1"),
    "a proxy that takes it away and tells nobody": Way(_TELLS_NOBODY),
    "a proxy that leaves it": Way(_LEAVES, root_path=PREFIX),
}


@contextmanager
def published(way: Way, folder: Path, **environment: str) -> Iterator[str]:
    """The URL under which clients reach the routes of a server with digits, without a slash at its end."""
    process = ServedProcess(models=REPOSITORY / "models")
    process.start(
        PLIMSOLL_ROOT_PATH=way.root_path,
        PLIMSOLL_TRUSTED_PROXIES=way.trusted_proxies,
        PLIMSOLL_DEFAULT_MODEL="digits",
        **environment,
    )
    try:
        url = httpx.URL(process.ready())
        if not way.locations:
            yield str(url)
            return
        if not installed("nginx"):
            pytest.skip(f"nginx is not there: {INSTALL}")
        locations = way.locations.replace("127.0.0.1:8000", f"{url.host}:{url.port}")
        with proxy("nginx", folder, Address(url.host, url.port or 0), locations) as address:
            yield f"http://{address.host}:{address.port}{PREFIX}"
    finally:
        process.kill()
