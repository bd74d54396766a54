"""The settings that bound what a client may send, and how slowly."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from plimsoll.api.path_prefix import is_path_prefix
from plimsoll.settings.comma_lists import parts_of

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.\-]*://[a-z0-9._\-\[\]:]+/?")

Seconds = Annotated[float, Field(gt=0, le=3600)]


class EdgeSettings(BaseSettings):
    """Caps of bytes, seconds and connections at every stage of a request."""

    max_body_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = Field(
        8 << 20, description="Longest request body in bytes. A longer one is answered 413."
    )
    inline_body_bytes: Annotated[int, Field(ge=0, le=1 << 30)] = Field(
        256 << 10,
        description="Longest body in bytes that is parsed on the event loop. A pool of threads parses longer ones.",
    )
    decode_threads: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="Threads that parse long bodies and decode pictures, and so the pictures decoded at once."
    )
    max_picture_pixels: Annotated[int, Field(ge=1, le=1 << 28)] = Field(
        16 << 20,
        description="Most pixels of a picture, checked before it is decoded. All pictures of a request may have four "
        "times as many. A thread takes up to 16 bytes a pixel.",
    )
    max_picture_bytes: Annotated[int, Field(ge=1, le=1 << 30)] | None = Field(
        None, description="Most bytes of a picture, decoded from base64. Default: those of a body."
    )
    max_head_bytes: Annotated[int, Field(ge=1024, le=1 << 24)] = Field(
        65_536, description="Most bytes in the head of a request, and in its trailers. More is answered 431."
    )
    max_head_fields: Annotated[int, Field(ge=8, le=10_000)] = Field(
        100, description="Most header fields of a request. More are answered 431."
    )
    max_request_line_bytes: Annotated[int, Field(ge=256, le=1 << 20)] = Field(
        8_192, description="Longest request line in bytes. A longer one is answered 414."
    )
    head_seconds: Seconds = Field(
        10.0,
        description="Time limit for the head of a request, and for a new connection to begin one. Then the "
        "answer is 408.",
    )
    body_progress_seconds: Seconds = Field(
        10.0,
        description="Interval in which a body must progress by at least 1 KiB or end. Otherwise the answer is 408.",
    )
    write_seconds: Seconds = Field(
        30.0,
        description="How long to wait for a client that reads nothing of its answer. Then the connection is closed.",
    )
    keep_alive_seconds: Seconds = Field(
        65.0,
        description="How long a connection may be idle between requests. Most load balancers use 60 s, so "
        "keep this longer.",
    )
    max_pipelined: Annotated[int, Field(ge=1, le=1000)] = Field(
        16,
        description="Most requests of one connection that wait for an earlier answer (pipelining).",
    )
    max_connections: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1024,
        description="Most connections of each worker. At the limit the connection that has been idle longest "
        "is closed for a new one.",
    )
    max_connections_per_address: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0,
        description="Most connections of one client address. 0 is no limit; keep it behind a proxy, because "
        "all clients share its address.",
    )
    allowed_hosts: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None,
        description="Host names that a request may use, comma-separated; `*` allows any. Default: localhost, "
        "127.0.0.1 and [::1] on a loopback address without keys, otherwise any.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins of web pages that may send requests and read the answers, comma-separated, such "
        "as https://app.example. The server's own origin is always allowed.",
    )
    root_path: str = Field(
        "",
        description="Path prefix under which a reverse proxy publishes this server, such as /team/plimsoll. "
        "Requests are answered with and without it.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks of proxies whose X-Forwarded-Prefix is trusted, comma-separated, "
        "such as 10.0.0.0/8.",
    )

    @field_validator("allowed_hosts", "allowed_origins", "trusted_proxies", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:  # noqa: ANN401  # whatever the environment holds
        return parts_of(value.lower()) if isinstance(value, str) else value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"'{origin}' is no origin; expected a scheme and a host, as https://app.example")
        return value

    @field_validator("root_path")
    @classmethod
    def _is_prefix(cls, value: str) -> str:
        if value and not is_path_prefix(value):
            raise ValueError(
                "a path prefix begins with a slash, does not end with one and needs no escaping, as /team/plimsoll"
            )
        if value.split("/")[1:2] in (["v1"], ["docs"]):
            raise ValueError(
                f"'{value}' cannot be told from this server's own paths; choose a prefix outside /v1 and /docs"
            )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                whole = ip_network(network, strict=False)
            except ValueError:
                raise ValueError(
                    f"'{network}' is neither an address nor a network; expected one as 10.0.0.7 or 10.0.0.0/8"
                ) from None
            address = network.partition("/")[0]
            if ip_address(address) != whole.network_address:
                raise ValueError(
                    f"'{network}' has bits set after the first {whole.prefixlen}, which belong to single hosts; "
                    f"expected {whole} for the network, or {address} for the one address"
                )
        return value


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
