"""The path prefix under which a reverse proxy publishes this server."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

_log = logging.getLogger(__name__)

_HEADER = b"x-forwarded-prefix"
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+")
"""Only characters that need no escaping in a path, in JSON or in a page."""
_LONGEST = 256


def is_path_prefix(text: str) -> bool:
    """Whether a text is a path prefix: segments of letters, digits, `.`, `_`, `~` and `-`, each after a slash."""
    return len(text) <= _LONGEST and _PREFIX.fullmatch(text) is not None


class PathPrefix:
    """Determines the prefix of a request: `X-Forwarded-Prefix` from a trusted proxy, or else `root_path`.

    The header is ignored if another peer sends it, if it is not a path prefix, or if it is repeated, because one of the
    values may be the client's own. The first time it logs a warning, which never quotes the header.
    """

    def __init__(self, root_path: str = "", trusted: Collection[IPv4Network | IPv6Network] = ()) -> None:
        self._root_path = root_path
        self._trusted = trusted
        self._told: set[str] = set()

    def of(self, scope: Scope) -> str:
        """The prefix, which begins with a slash and does not end with one; empty if there is no prefix."""
        said: list[str] = [value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER]
        if not said:
            return self._root_path
        if not self._trusts(scope):
            self._ignore("who sent it is not among PLIMSOLL_TRUSTED_PROXIES", scope)
        elif len(said) > 1:
            self._ignore("it came more than once in one request", scope)
        elif not is_path_prefix(said[0]):
            self._ignore("it is no path prefix, which is a slash and a name, once or more often", scope)
        else:
            return said[0]
        return self._root_path

    def _ignore(self, why: str, scope: Scope) -> None:
        if why not in self._told:
            self._told.add(why)
            peer = (scope.get("client") or ("unknown",))[0]
            _log.warning("X-Forwarded-Prefix is ignored: %s", why, extra={"peer": peer})

    def _trusts(self, scope: Scope) -> bool:
        if not self._trusted or not scope.get("client"):
            return False
        address = ip_address(scope["client"][0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._trusted)


class PrefixedRoutes:
    """Also answers under `root_path`, for proxies that do not remove the prefix from the path."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request without its prefix; passes other ASGI scopes through."""
        if scope["type"] in ("http", "websocket") and scope["path"].startswith(self._root_path + "/"):
            scope["path"] = scope["path"].removeprefix(self._root_path)
        await self._app(scope, receive, send)
