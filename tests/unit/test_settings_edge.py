"""The settings that bound clients, where what is in force follows from others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    ("chosen", "hosts"),
    [
        ({}, ("localhost", "127.0.0.1", "[::1]")),
        ({"host": "::1"}, ("localhost", "127.0.0.1", "[::1]")),
        ({"host": "0.0.0.0"}, ()),  # noqa: S104  # what the image sets
        ({"keys_file": Path("keys.yaml")}, ()),
        ({"allowed_hosts": "*"}, ()),
        ({"allowed_hosts": "Digits.example, other.example"}, ("digits.example", "other.example")),
    ],
)
def test_requests_to_a_server_of_this_machine_alone_may_name_only_this_machine(
    chosen: dict[str, Any], hosts: tuple[str, ...]
) -> None:
    assert load_settings(**chosen).hosts == hosts


def test_the_admin_port_goes_by_its_own_address() -> None:
    open_to_all = load_settings(host="0.0.0.0", allow_anonymous=True)  # noqa: S104  # what the image sets
    assert (open_to_all.hosts, open_to_all.admin_hosts) == ((), ("localhost", "127.0.0.1", "[::1]"))
    assert load_settings(admin_host="10.1.2.3").admin_hosts == ()


@pytest.mark.parametrize("origin", ["null", "*", "app.example", "https://", "https://app.example/page", "a b://c"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(SettingsError, match="is no origin; expected a scheme and a host"):
        load_settings(allowed_origins=f"https://good.example,{origin}")


@pytest.mark.parametrize(
    "origin", ["https://my_app.example", "http://localhost:3000", "http://[::1]:8080", "capacitor://localhost"]
)
def test_origins_may_have_ports(origin: str) -> None:
    assert load_settings(allowed_origins=origin).allowed_origins == (origin,)
