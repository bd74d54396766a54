"""Refuses requests that a browser sends for a web page of another site."""

from __future__ import annotations

from plimsoll.errors import ClientError, HostNotAllowed, OriginNotAllowed
from plimsoll.inference.request_head import RequestHead
from plimsoll.quoting import quote

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_MOST_REMEMBERED = 256
_VARIES = (b"vary", b"origin")
_EXPOSED = b"retry-after, traceresponse, x-plimsoll-version, x-request-id"
MAY_SEND = {
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers": "authorization, content-type, traceparent, tracestate, x-api-key, x-plimsoll-user, "
    "x-plimsoll-version, x-request-id, x-request-timeout-ms",
    "access-control-max-age": "600",
}
"""The requests that a page of a listed origin may send, in the answer to a preflight request."""


class SitePolicy:
    """Refuses a `Host` that is not in `hosts`, if any are given, and requests from pages of other sites.

    A browser lets any page send some requests to a server on the user's own machine, with the page's origin in
    `Origin`. With DNS rebinding the name of a hostile page resolves to this machine: its `Origin` is right, its `Host`
    is wrong. Pages of `origins` may send requests and read the answers (CORS), as the server's own pages may. All
    names are in lower case.
    """

    def __init__(self, hosts: tuple[str, ...] = (), origins: tuple[str, ...] = ()) -> None:
        self._hosts = frozenset(_name_of(host) for host in hosts)
        self._origins = frozenset(_without_default_port(origin.rstrip("/")) for origin in origins)
        self._allowed: set[bytes | None] = set()
        """Values of `Host` that have been allowed, so that a later request costs only a comparison of bytes."""

    def fault(self, head: RequestHead) -> ClientError | None:
        """The error with which a request with this head is refused; `None` if it is allowed."""
        host, origin = head.fields.get(b"host"), head.fields.get(b"origin")
        if self._hosts and host not in self._allowed and not self._allows(host):
            return HostNotAllowed(
                "this server does not go by this name",
                expected=f"a Host among {', '.join(sorted(self._hosts))}",
                given="none" if host is None else quote(host.decode("latin-1")),
            )
        if origin is not None and not self._is_trusted(_text(origin), _text(host or b"")):
            if origin == b"null":
                return OriginNotAllowed(
                    "a page without an origin may not send requests here: browsers send 'null' for a file on disk, a "
                    "sandboxed frame and some redirects",
                    expected="a page that a web server serves",
                    given="'null'",
                )
            return OriginNotAllowed(
                "a page of this origin may not send requests here",
                expected="this server's own pages, or an origin that PLIMSOLL_ALLOWED_ORIGINS names",
                given=quote(origin.decode("latin-1")),
            )
        return None

    def for_page(self, head: RequestHead) -> list[tuple[bytes, bytes]]:
        """Header fields that let a page of a listed origin read the answer, and make caches distinguish origins."""
        if not self._origins:
            return []
        if not self._is_listed(head):
            return [_VARIES]
        origin = (b"access-control-allow-origin", head.fields[b"origin"])
        return [origin, (b"access-control-expose-headers", _EXPOSED), _VARIES]

    def is_preflight(self, head: RequestHead) -> bool:
        """Whether the request is a CORS preflight for a page of a listed origin."""
        return head.has(b"access-control-request-method") and self._is_listed(head)

    def _is_listed(self, head: RequestHead) -> bool:
        return _text(head.fields.get(b"origin", b"")) in self._origins

    def _allows(self, host: bytes | None) -> bool:
        if host is None or _name_of(_text(host)) not in self._hosts:
            return False
        if len(self._allowed) < _MOST_REMEMBERED:  # clients can send any port
            self._allowed.add(host)
        return True

    def _is_trusted(self, origin: str, host: str) -> bool:
        if origin in self._origins:
            return True
        scheme, separator, site = origin.partition("://")
        port = _DEFAULT_PORTS.get(scheme)
        return bool(separator) and port is not None and site.removesuffix(f":{port}") == host.removesuffix(f":{port}")


def _without_default_port(origin: str) -> str:
    """The origin as browsers send it."""
    scheme, _, _ = origin.partition("://")
    return origin.removesuffix(f":{_DEFAULT_PORTS.get(scheme, '-')}")


def _text(raw: bytes) -> str:
    return raw.decode("latin-1").strip().lower()


def _name_of(host: str) -> str:
    """A host without its port; an IPv6 address in brackets."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    if host.count(":") > 1:
        return f"[{host}]"
    return host.partition(":")[0].removesuffix(".")
