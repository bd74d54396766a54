"""The gate: which key a request shows, and whether it opens this route."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request
from starlette.types import Scope as ASGIScope

from plimsoll.access.keys import KeyRing, Scope
from plimsoll.api.request_head import head_of
from plimsoll.errors import Forbidden, Unauthorized


class Gate:
    """Lets everyone through while `ring` is `None`; otherwise asks for a key with the route's scope.

    The label of the key that was shown is noted with the request, so that the access line says it.
    """

    def __init__(self, ring: KeyRing | None) -> None:
        self.ring = ring

    def use(self, ring: KeyRing) -> None:
        """Go by this ring from now on: the key file has changed."""
        self.ring = ring

    def check(self, request: ASGIScope, needed: Scope) -> None:
        """Return where a request, given by its ASGI scope, shows a key with the scope that is needed.

        Raises:
            Unauthorized: no key, or one that is not known.
            Forbidden: a known key without the scope.
        """
        if self.ring is None:
            return
        head = head_of(request)
        kind, _, key = (head.get(b"authorization") or "").partition(" ")
        if kind.lower() != "bearer":
            key = head.get(b"x-api-key") or ""
        if not key:
            raise Unauthorized("this server asks for an API key", expected="Authorization: Bearer <key>", given="none")
        entry = self.ring.find(key.strip())
        if entry is None:
            raise Unauthorized("this API key is not known", expected="Authorization: Bearer <key>")
        request["state"]["key"] = entry.label  # before the scopes are checked: a refusal has an owner as well
        if needed not in entry.scopes:
            raise Forbidden(
                "this API key does not open this route",
                expected=f"a key with scope {needed}",
                given=f"scopes {', '.join(sorted(entry.scopes))}",
            )

    def requires(self, needed: Scope) -> Callable[[Request], None]:
        """The check as a dependency of a FastAPI route."""

        def dependency(request: Request) -> None:
            self.check(request.scope, needed)

        return dependency
