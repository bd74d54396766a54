"""Authenticates requests by API key, and checks the key's scopes."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

from plimsoll.access.keys import KeyEntry, KeyRing, Scope
from plimsoll.errors import Forbidden, Unauthorized
from plimsoll.inference.call import Call, call_of
from plimsoll.inference.request_head import RequestHead


class Gate:
    """Requires an API key with the route's scope; lets every request through while `ring` is `None`.

    The label of the key becomes the `principal` of the call, which the access log shows.
    """

    def __init__(self, ring: KeyRing | None) -> None:
        self.ring = ring

    def use(self, ring: KeyRing) -> None:
        """Use this key ring from now on, because the key file has changed."""
        self.ring = ring

    def check(self, call: Call, needed: Scope) -> None:
        """Check that the request has a key with the needed scope.

        Raises:
            Unauthorized: the request has no key or an unknown one.
            Forbidden: the key is known but lacks the scope.
        """
        ring, head = self.ring, call.head
        if ring is None:
            return
        if head.key_ring is not ring:  # or the request before it on the connection had the same head
            head.key_holder = _holder(ring, head)
            head.key_ring = ring
        entry: KeyEntry = head.key_holder
        call.principal = entry.label  # before the scope check, so that the access log names the key of a refusal
        if needed not in entry.scopes:
            raise Forbidden(
                "this API key does not open this route",
                expected=f"a key with scope {needed}",
                given=f"scopes {', '.join(sorted(entry.scopes))}",
            )

    def admit(self, call: Call, needed: Scope) -> None:
        """Raise the refusal of a call, if it has one, and then check its key as `check` does."""
        if call.refusal is not None:
            raise call.refusal
        self.check(call, needed)

    def requires(self, needed: Scope) -> Callable[[Request], None]:
        """The check as a dependency of a FastAPI route."""

        def dependency(request: Request) -> None:
            self.check(call_of(request.scope), needed)

        return dependency


def _holder(ring: KeyRing, head: RequestHead) -> KeyEntry:
    kind, _, key = (head.get(b"authorization") or "").partition(" ")
    if kind.lower() != "bearer":
        key = head.get(b"x-api-key") or ""
    if not key:
        raise Unauthorized("this server asks for an API key", expected="Authorization: Bearer <key>", given="none")
    entry = ring.find(key.strip())
    if entry is None:
        raise Unauthorized("this API key is not known", expected="Authorization: Bearer <key>")
    return entry
