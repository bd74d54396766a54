"""Whole services in one process, and what their operator does to them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from plimsoll.api.serving_state import ServingState
from plimsoll.application import Application
from plimsoll.background_tasks import BackgroundTasks
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state_source import DesiredStateSource
from plimsoll.control.version_loading import Loader
from plimsoll.lifecycle import Lifecycle, Part, StopSeconds
from plimsoll.settings import load_settings
from starlette.types import ASGIApp

from tests.unit.control.serving import Serving
from tests.unit.eventually import PATIENCE_SECONDS

ROW = {"features": [0.1, 0.2, 0.3, 0.4]}


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@asynccontextmanager
async def running(folder: Path, **chosen: Any) -> AsyncIterator[tuple[Application, httpx.AsyncClient]]:
    """The application of these settings, loaded, and a client of its main port."""
    application = Application(load_settings(models_dir=folder / "models", **chosen))
    async with application.app.router.lifespan_context(application.app), client_of(application.asgi) as client:
        await application.lifecycle.settled()
        yield application, client


class Service(Serving):
    """A lifecycle over the real bundles of a folder, with all that it moves."""

    def __init__(
        self,
        folder: Path,
        source: DesiredStateSource | None = None,
        loader: Loader[Any] | None = None,
        parts: Sequence[Part] = (),
        *,
        wait: float = 0.0,
        drain: float = 30.0,
    ) -> None:
        super().__init__(folder, loader)
        self.state = ServingState()
        self.lifecycle = Lifecycle(
            self.state,
            source or DesiredStateSource(None, Shelf(folder / "models")),
            self.reconciler,
            BackgroundTasks(first_pause_seconds=0.01),
            StopSeconds(wait, drain),
            parts,
        )

    async def started(self) -> Service:
        """Itself, once all that is desired is ready or has failed."""
        self.lifecycle.start()
        await self.lifecycle.settled()
        return self


def put(file: Path, text: str) -> None:
    """Replace a file whole, as an editor does, so that nobody reads half of it."""
    draft = file.with_name("draft")
    draft.write_text(text)
    draft.replace(file)


def desire(file: Path, *versions: str) -> None:
    """Desire versions of the tiny model; each is what stands in its braces after `version:`."""
    listed = ", ".join(f"{{version: {each}}}" for each in versions)
    put(file, f"models: [{{name: tiny, versions: [{listed}]}}]")


async def until(act: Callable[[], object], shows: Callable[[], object]) -> None:
    """Act, and wait for it to show; act again each second, since a watch may not have begun when it was done first.

    `shows` gives whether it does, or something to await for that.
    """
    loop = asyncio.get_running_loop()
    act_at = loop.time()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if loop.time() >= act_at:
                act()
                act_at += 1
            shown = shows()
            if await shown if inspect.isawaitable(shown) else shown:
                return
            await asyncio.sleep(0.005)
