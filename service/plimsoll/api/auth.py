"""The gate: which key a request shows, and whether it opens this route."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

from plimsoll.access.keys import KeyRing, Scope
from plimsoll.errors import Forbidden, Unauthorized
from plimsoll.inference.call import Call, call_of


class Gate:
    """Lets everyone through while `ring` is `None`; otherwise asks for a key with the route's scope.

    The label of the key that was shown becomes the `principal` of the call; the access log names it.
    """

    def __init__(self, ring: KeyRing | None) -> None:
        self.ring = ring

    def use(self, ring: KeyRing) -> None:
        """Go by this ring from now on: the key file has changed."""
        self.ring = ring

    def check(self, call: Call, needed: Scope) -> None:
        """Return if the request shows a key with the scope that is needed.

        Raises:
            Unauthorized: no key, or one that is not known.
            Forbidden: a known key without the scope.
        """
        if self.ring is None:
            return
        head = call.head
        kind, _, key = (head.get(b"authorization") or "").partition(" ")
        if kind.lower() != "bearer":
            key = head.get(b"x-api-key") or ""
        if not key:
            raise Unauthorized("this server asks for an API key", expected="Authorization: Bearer <key>", given="none")
        entry = self.ring.find(key.strip())
        if entry is None:
            raise Unauthorized("this API key is not known", expected="Authorization: Bearer <key>")
        call.principal = entry.label  # before the scopes are checked: a refusal has an owner as well
        if needed not in entry.scopes:
            raise Forbidden(
                "this API key does not open this route",
                expected=f"a key with scope {needed}",
                given=f"scopes {', '.join(sorted(entry.scopes))}",
            )

    def requires(self, needed: Scope) -> Callable[[Request], None]:
        """The check as a dependency of a FastAPI route."""

        def dependency(request: Request) -> None:
            self.check(call_of(request.scope), needed)

        return dependency
