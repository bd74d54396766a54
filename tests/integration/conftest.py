"""The whole application: in this process over ASGI, or as a process of its own over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from plimsoll.application import Application
from plimsoll.settings import load_settings

from tests.integration.served_process import ServedProcess

REPOSITORY = Path(__file__).parents[2]
BOTH_VERSIONS = 'models:\n- name: digits\n  versions:\n  - version: "1"\n  - version: "2"\n'


@pytest.fixture(autouse=True)
def _no_settings_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # so that no .env of the repository is read


@pytest.fixture
def both_versions(tmp_path: Path) -> Path:
    """A desired state with the two versions of digits."""
    file = tmp_path / "desired-state.yaml"
    file.write_text(BOTH_VERSIONS)
    return file


@pytest.fixture
async def client(both_versions: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application in this process, with both versions of digits ready."""
    settings = load_settings(models_dir=REPOSITORY / "models", desired_state=both_versions)
    async with running(Application(settings)) as connected:
        yield connected


@pytest.fixture
def process() -> Iterator[ServedProcess]:
    """`plimsoll serve` as a real process, not started yet; ended after the test whatever happens."""
    served = ServedProcess(models=REPOSITORY / "models")
    yield served
    served.kill()


class running:  # noqa: N801  # reads as a phrase where it is used
    """The application between its start and its stop, with a client once every version is ready or has failed."""

    def __init__(self, application: Application) -> None:
        self._app = application.app
        self._lifecycle = application.lifecycle
        self._lifespan = self._app.router.lifespan_context(self._app)

    async def __aenter__(self) -> httpx.AsyncClient:
        await self._lifespan.__aenter__()
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        await self._lifecycle.settled()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        await self._lifespan.__aexit__(None, None, None)
