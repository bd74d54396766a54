"""The settings of the process: its ports, and what is left to whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plimsoll.settings import SettingsError, load_settings


def test_by_default_only_this_machine_can_ask_and_nothing_else_listens() -> None:
    settings = load_settings()
    assert (settings.host, settings.admin_host, settings.metrics_port, settings.workers) == (
        "127.0.0.1", "127.0.0.1", None, 1,
    )  # fmt: skip
    assert (settings.keys_file, settings.allow_anonymous) == (None, False)


@pytest.mark.parametrize("name", ["port", "metrics_port", "admin_port"])
@pytest.mark.parametrize(("number", "refused"), [(-1, True), (0, False), (65535, False), (65536, True)])
def test_a_port_is_what_tcp_has(name: str, number: int, *, refused: bool) -> None:
    if refused:
        with pytest.raises(SettingsError, match=f"PLIMSOLL_{name.upper()}"):
            load_settings(**{name: number})
    else:
        assert getattr(load_settings(**{name: number}), name) == number


@pytest.mark.parametrize("name", ["port", "metrics_port", "admin_port"])
def test_what_kubernetes_injects_for_a_service_gets_an_error_of_its_own(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"PLIMSOLL_{name.upper()}", "tcp://10.0.0.1:8000")
    with pytest.raises(SettingsError, match="an address that Kubernetes injects for a Service named 'plimsoll'"):
        load_settings()


@pytest.mark.parametrize(
    "chosen",
    [
        {"workers": 0}, {"workers": 65}, {"stop_wait_seconds": -0.1}, {"stop_wait_seconds": 601},
        {"stop_drain_seconds": -0.1}, {"stop_drain_seconds": 3601}, {"log_format": "xml"}, {"log_level": "loud"},
        {"access_log_per_second": -1},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused_by_the_name_of_its_variable(chosen: dict[str, Any]) -> None:
    (name,) = chosen
    with pytest.raises(SettingsError, match=f"^PLIMSOLL_{name.upper()}: "):
        load_settings(**chosen)


def test_the_file_of_keys_need_not_be_there_yet() -> None:
    assert load_settings(keys_file=Path("keys.yaml")).keys_file == Path("keys.yaml")
