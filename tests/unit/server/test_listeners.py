from __future__ import annotations

import socket

import pytest
from plimsoll.errors import OperatorError
from plimsoll.server.listeners import listen, url_of


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("127.0.0.1:8000", "choose another by PLIMSOLL_HOST, and the port by its own setting"),
        ("[::1]:8000", "choose another by PLIMSOLL_HOST, and the port by its own setting"),
        ("http://0.0.0.0", "choose another by PLIMSOLL_HOST, an address without a scheme"),
        ("*", "choose another by PLIMSOLL_HOST, 0.0.0.0 or :: for every address"),
        ("no-such-host.invalid", "no such address; choose another by PLIMSOLL_HOST"),
        ("a" * 300, "no such address; choose another by PLIMSOLL_HOST"),
        ("192.0.2.1", "choose another by PLIMSOLL_HOST"),
        ("::2", "choose another by PLIMSOLL_HOST"),
    ],
)
def test_a_host_that_cannot_be_had_is_blamed_on_the_host(host: str, told: str) -> None:
    with pytest.raises(OperatorError) as caught:
        listen(host, 0)
    assert told in caught.value.message
    assert host in caught.value.message


def test_a_taken_port_is_blamed_on_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OperatorError) as caught:
            listen("127.0.0.1", port, "ADMIN_PORT", "ADMIN_HOST")
    assert "choose another by PLIMSOLL_ADMIN_PORT" in caught.value.message


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_address_may_have_brackets(host: str) -> None:
    with listen(host, 0) as listener:
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


@pytest.mark.parametrize("client", [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_every_address_is_one_of_both_families(client: tuple[str, socket.AddressFamily]) -> None:
    address, family = client
    with listen("::", 0) as listener, socket.socket(family) as connecting:
        listener.listen()
        connecting.connect((address, listener.getsockname()[1]))


def test_localhost_is_a_name_like_any_other() -> None:
    with listen("localhost", 0) as listener:
        assert listener.getsockname()[0] in ("127.0.0.1", "::1")


def test_shared_sockets_bind_the_same_address() -> None:
    with listen("127.0.0.1", 0, shared=True) as one:
        port = one.getsockname()[1]
        with listen("127.0.0.1", port, shared=True) as other:
            assert other.getsockname() == one.getsockname()


def test_a_command_with_options_names_the_option() -> None:
    with listen("127.0.0.1", 0) as listener:
        listener.listen()
        with pytest.raises(OperatorError, match=r"choose another by --port$"):
            listen("127.0.0.1", listener.getsockname()[1], "--port", "--host")
    with pytest.raises(OperatorError, match=r"choose another by --host, an address without a scheme$"):
        listen("http://127.0.0.1", 0, "--port", "--host")
