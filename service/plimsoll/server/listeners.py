"""Opens listening sockets, and explains why an address cannot be used."""

from __future__ import annotations

import errno
import re
import socket

from plimsoll.errors import OperatorError

_WRONG_PORT = frozenset({errno.EADDRINUSE, errno.EACCES})


def listen(
    host: str, port: int, port_setting: str = "PORT", host_setting: str = "HOST", *, shared: bool = False
) -> socket.socket:
    """Bind a socket; with `shared` other processes may bind the same address.

    `::` also accepts IPv4 connections. Square brackets around an IPv6 address are optional. `port_setting` and
    `host_setting` are names of settings, or options as they are given on a command line.

    Raises:
        OperatorError: the address cannot be used; the message names the setting to change.
    """
    address = host.removeprefix("[").removesuffix("]")
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _refusal(host, port, "no such address", host_setting) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        setting = port_setting if error.errno in _WRONG_PORT else host_setting
        raise _refusal(host, port, error.strerror or "no such address", setting) from None
    listener.set_inheritable(True)
    return listener


def url_of(listener: socket.socket) -> str:
    """The address of a listening socket."""
    return url_at(*listener.getsockname()[:2])


def url_at(host: str, port: int) -> str:
    """The URL of a host name or an address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _refusal(host: str, port: int, reason: str, setting: str) -> OperatorError:
    advice = _advice(host) if setting.upper().endswith("HOST") else ""
    name = setting if setting.startswith("--") else f"PLIMSOLL_{setting}"
    return OperatorError(f"cannot listen on {host} port {port}: {reason}; choose another by {name}{advice}")


def _advice(host: str) -> str:
    if "//" in host:
        return ", an address without a scheme"
    if re.fullmatch(r"[^:]+:\d+|\[.*\]:\d+", host):
        return ", and the port by its own setting"
    return ", 0.0.0.0 or :: for every address" if host in ("*", "") else ""
