"""A request as ASGI describes it."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

from starlette.types import Scope

from plimsoll.inference.call import REQUEST_HEAD
from plimsoll.server.request_head import RequestHead


def connection_scope(transport: asyncio.BaseTransport) -> Scope:
    """The part of the ASGI scope that all requests of a connection share."""
    peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "scheme": "http",
        "root_path": "",
        "server": own[:2] if isinstance(own, tuple) else None,
        "client": peer[:2] if isinstance(peer, tuple) else None,
    }


def request_scope(connection: Scope, head: RequestHead, state: dict[str, Any]) -> Scope:
    """The scope of one request of the connection; `state` is copied."""
    path = head.target.decode("ascii")
    return {
        **connection,
        "http_version": head.version,
        "method": head.method,
        "path": unquote(path) if "%" in path else path,
        "raw_path": head.target,
        "query_string": head.query,
        "headers": list(head.fields),  # the next request of the connection may have the same head
        "state": state.copy(),
        "extensions": {REQUEST_HEAD: head.call_head},
    }


def websocket_scope(connection: Scope, head: RequestHead, state: dict[str, Any]) -> Scope:
    """The scope of a WebSocket, which may be refused with an HTTP answer."""
    scope = request_scope(connection, head, state)
    del scope["method"]
    scope["extensions"]["websocket.http.response"] = {}
    return {**scope, "type": "websocket", "scheme": "ws", "subprotocols": []}
