"""The variables of OpenTelemetry, where spans are sent and where none are."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from plimsoll.settings import SettingsError, load_settings, prepare_libraries, setting_remarks

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.fixture(autouse=True)
def _environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    for name in before:
        if name.startswith(("PLIMSOLL_", "OTEL_")):
            monkeypatch.delenv(name)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
        {"OTEL_BSP_MAX_QUEUE_SIZE": "many"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none", "OTEL_BSP_MAX_QUEUE_SIZE": "0"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318", "OTEL_TRACES_EXPORTER": "console"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_TRACES_EXPORTER": "", "OTEL_PROPAGATORS": ""},
        {"OTEL_SDK_DISABLED": "perhaps"},
    ],
)
def test_a_server_that_does_not_trace_starts_with_any_of_opentelemetrys_values(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert not settings.traced
    assert (settings.otel_protocol, settings.otel_queue_spans) == ("http/protobuf", 2048)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "expected http:// or https:// and a host"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "x"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: expected"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_PROTOCOL: "),
        ({**ENDPOINT, "OTEL_BSP_MAX_QUEUE_SIZE": "many"}, "OTEL_BSP_MAX_QUEUE_SIZE: "),
    ],
)
def test_a_server_that_traces_refuses_a_wrong_value_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert told in caught.value.message


def test_grpc_needs_no_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert load_settings().traced


def test_propagators_that_are_not_installed_are_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PROPAGATORS", "tracecontext,b3, baggage")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert setting_remarks(load_settings()) == [
        "OTEL_PROPAGATORS names b3, which is not installed; tracing works without it"
    ]
    prepare_libraries(traced=True)
    assert os.environ["OTEL_PROPAGATORS"] == "tracecontext,baggage"


def test_an_endpoint_that_is_not_used_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    assert setting_remarks(load_settings()) == [
        "no spans are sent to http://collector:4318: OTEL_TRACES_EXPORTER is 'zipkin'"
    ]


def test_without_tracing_opentelemetry_gets_none_of_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many")
    monkeypatch.setenv("OTEL_PROPAGATORS", "b3")
    prepare_libraries()
    assert {name: value for name, value in os.environ.items() if name.startswith("OTEL_")} == {
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
        "OTEL_SERVICE_NAME": "plimsoll",
    }
