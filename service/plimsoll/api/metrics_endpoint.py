"""GET /metrics, on the main port or on a separate one."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class MetricsEndpoint:
    """Answers scrapes: `render` returns body and content type for an Accept header."""

    def __init__(self, render: Callable[[str], tuple[bytes, str]]) -> None:
        self._render = render

    async def scrape(self, request: Request) -> Response:
        """The metrics of this server, in the Prometheus text format or in OpenMetrics."""
        body, content_type = self._render(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    def application(self) -> Starlette:
        """An application that serves only metrics, for a port that clients do not reach."""
        application = Starlette(routes=[Route("/metrics", self.scrape, methods=["GET"])])
        application.router.redirect_slashes = False
        return application
