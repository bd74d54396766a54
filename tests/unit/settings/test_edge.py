"""The settings that bound clients, where what is in force follows from others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plimsoll.settings import SettingsError, load_settings


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


@pytest.mark.parametrize("prefix", ["", "/digits", "/team/plim-soll_2.0~x", "/v1beta", "/..."])
def test_a_path_prefix_is_taken_as_it_is(prefix: str) -> None:
    assert load_settings(root_path=prefix).root_path == prefix


@pytest.mark.parametrize(
    "prefix",
    ["team", "team/plimsoll", "/team/", "/", "//", "/a//b", "/a b", "/a%20b", "/a?b", "/a#b", "/..", "/a/./b", "/a/..",
     "/<script>", "/a\"b", "/\u00e9", "https://app.example/a", "/a\n", "/" + "a" * 256],
)  # fmt: skip
def test_what_is_no_path_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(
        SettingsError, match="PLIMSOLL_ROOT_PATH: a path prefix begins with a slash, does not end with one"
    ):
        load_settings(root_path=prefix)


@pytest.mark.parametrize("prefix", ["/v1", "/v1/models", "/docs"])
def test_a_path_prefix_that_the_server_itself_answers_under_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match=f"'{prefix}' cannot be told from this server's own paths"):
        load_settings(root_path=prefix)


def test_proxies_are_addresses_or_networks() -> None:
    settings = load_settings(trusted_proxies="127.0.0.1, 10.0.0.0/8,fd00::/8")
    assert settings.trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize("proxy", ["*", "proxy.example", "10.0.0", "127.0.0.1:80", "10.0.0.0/33"])
def test_what_is_neither_an_address_nor_a_network_is_refused(proxy: str) -> None:
    with pytest.raises(
        SettingsError, match=r"is neither an address nor a network; expected one as 10\.0\.0\.7 or 10\.0\.0\.0/8"
    ):
        load_settings(trusted_proxies=f"127.0.0.1,{proxy}")


@pytest.mark.parametrize(
    ("proxy", "network", "address"),
    [("10.0.0.1/8", "10.0.0.0/8", "10.0.0.1"), ("fd00::1/8", "fd00::/8", "fd00::1")],
)
def test_a_network_written_with_the_bits_of_a_host_is_refused_with_both_that_may_be_meant(
    proxy: str, network: str, address: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(trusted_proxies=f"127.0.0.1,{proxy}")
    assert f"'{proxy}' has bits set after the first 8" in str(refused.value)
    assert f"expected {network} for the network, or {address} for the one address" in str(refused.value)
