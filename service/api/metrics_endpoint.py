"""GET /metrics, on the main port or on one of its own."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class MetricsEndpoint:
    """Answers scrapes with what `render` gives."""

    def __init__(self, render: Callable[[], bytes], content_type: str) -> None:
        self._render = render
        self._content_type = content_type

    async def scrape(self, _: Request) -> Response:
        """The metrics of this server in the Prometheus text format."""
        return Response(self._render(), headers={"Content-Type": self._content_type})

    def application(self) -> Starlette:
        """An application that serves nothing else, for a port that no client reaches."""
        return Starlette(routes=[Route("/metrics", self.scrape, methods=["GET"])])
