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
        8 << 20, description="The longest request body that is read; a longer one is answered 413."
    )
    inline_body_bytes: Annotated[int, Field(ge=0, le=1 << 30)] = Field(
        256 << 10, description="A longer body is parsed in a pool of two threads and not on the event loop."
    )
    max_head_bytes: Annotated[int, Field(ge=1024, le=1 << 24)] = Field(
        65_536, description="The most bytes of a request's head, and of its trailers; then 431."
    )
    max_head_fields: Annotated[int, Field(ge=8, le=10_000)] = Field(
        100, description="The most header fields of a request; then 431."
    )
    max_request_line_bytes: Annotated[int, Field(ge=256, le=1 << 20)] = Field(
        8_192, description="The longest request line; then 414."
    )
    head_seconds: Seconds = Field(
        10.0,
        description="How long a request's head may take, and a new connection to begin one; then 408.",
    )
    body_progress_seconds: Seconds = Field(
        10.0, description="In each such time a body must bring at least 1 KiB, or its end; then 408."
    )
    write_seconds: Seconds = Field(
        30.0,
        description="How long an answer may wait for a client that reads none of it; then it is closed.",
    )
    keep_alive_seconds: Seconds = Field(
        65.0,
        description="How long a connection may idle between requests; load balancers mostly take 60 s.",
    )
    max_pipelined: Annotated[int, Field(ge=1, le=1000)] = Field(
        16,
        description="The most requests of one connection that wait for an earlier answer.",
    )
    max_connections: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1024,
        description="The most connections of each worker. At the cap the one that has been idle or silent longest "
        "is closed for a new one.",
    )
    max_connections_per_address: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0,
        description="The most connections of one client address; 0 is no limit: behind a proxy all share one.",
    )
    allowed_hosts: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None,
        description="Host names that requests may name, with commas between them; `*` is any. Without it: "
        "localhost, 127.0.0.1 and [::1] on a loopback address without keys, else any.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins of web pages that may send requests and read the answers besides the server's own, "
        "https://app.example for one, with commas between them.",
    )
    root_path: str = Field(
        "",
        description="Path prefix under which a reverse proxy publishes this server, /team/plimsoll for one. "
        "Requests are answered with it and without it.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks of proxies whose X-Forwarded-Prefix counts, 10.0.0.0/8 for one, with commas "
        "between them.",
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
