"""A server whose only address is of IPv6, as on a cluster of IPv6 alone."""

from __future__ import annotations

import socket

import httpx
import pytest

from tests.integration.served_process import ServedProcess

ROW = {"features": [0.0] * 784}


def has_ipv6_loopback() -> bool:
    """Whether a socket can be bound to ::1 here."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_ipv6_loopback(), reason="needs an address ::1; see sysctl net.ipv6.conf.lo")


@pytest.mark.parametrize("written", ["::1", "[::1]"])
def test_it_answers_at_its_address_by_the_names_of_this_machine(process: ServedProcess, written: str) -> None:
    process.start("--host", written)
    url = process.ready()
    port = httpx.URL(url).port
    assert url == f"http://[::1]:{port}"
    assert httpx.post(url + "/v1/predict", json=ROW).json()["version"] == "2"
    for name, expected in {
        f"[::1]:{port}": (200, ""),
        "[::1]": (200, ""),
        f"localhost:{port}": (200, ""),
        f"[::2]:{port}": (400, "host_not_allowed"),
        f"evil.example:{port}": (400, "host_not_allowed"),
    }.items():
        reply = httpx.post(url + "/v1/predict", json=ROW, headers={"Host": name})
        assert (reply.status_code, reply.json().get("error", {}).get("code", "")) == expected, name
    page = httpx.post(url + "/v1/predict", json=ROW, headers={"Origin": url})
    assert page.status_code == 200, "its own page, such as /docs"


def test_it_answers_at_no_address_of_ipv4(process: ServedProcess) -> None:
    process.start("--host", "::1")
    url = process.ready()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{httpx.URL(url).port}/livez")


def test_a_list_of_hosts_may_name_its_address_alone(process: ServedProcess) -> None:
    process.start("--host", "::1", PLIMSOLL_ALLOWED_HOSTS="[::1]")
    url = process.ready()
    assert httpx.get(url + "/v1/health").status_code == 200
    refused = httpx.get(url + "/v1/health", headers={"Host": "localhost"})
    assert refused.json()["error"]["code"] == "host_not_allowed"
