"""Variables that have no effect, and those of OpenTelemetry where nothing is traced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from plimsoll.settings import SettingsError, load_settings, prepare_libraries, setting_remarks
from plimsoll.settings.unknown import unknown_variables

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
KNOWN = ["PLIMSOLL_PORT", "PLIMSOLL_MAX_BODY_BYTES", "PLIMSOLL_INLINE_BUDGET_MS"]


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
    ("name", "sentence"),
    [
        ("PLIMSOLL_MAX_BODY_BYTS", "did you mean PLIMSOLL_MAX_BODY_BYTES?"),
        ("PLIMSOLL_INLINE_BUDGTE_MS", "did you mean PLIMSOLL_INLINE_BUDGET_MS?"),
        ("plimsoll_max_body_byte", "did you mean PLIMSOLL_MAX_BODY_BYTES?"),
        ("PLIMSOLL_ZZZZZZ", "PLIMSOLL_ZZZZZZ is not a setting and has no effect"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_setting(name: str, sentence: str) -> None:
    (remark,) = unknown_variables([name, *KNOWN, "OTHER"], KNOWN, "PLIMSOLL_")
    assert remark.endswith(sentence)


@pytest.mark.parametrize(
    "name",
    [
        "PLIMSOLL_SERVICE_HOST", "PLIMSOLL_SERVICE_PORT", "PLIMSOLL_SERVICE_PORT_HTTP", "PLIMSOLL_PORT_8000_TCP",
        "PLIMSOLL_PORT_8000_TCP_ADDR", "PLIMSOLL_PORT_8000_TCP_PORT", "PLIMSOLL_PORT_8000_TCP_PROTO",
        "PLIMSOLL_CANARY_SERVICE_HOST", "PLIMSOLL_CANARY_PORT", "PLIMSOLL_STABLE_PORT_8000_TCP_ADDR",
    ],
)  # fmt: skip
def test_what_kubernetes_injects_for_a_service_is_no_mistake(name: str) -> None:
    assert unknown_variables([name], KNOWN, "PLIMSOLL_") == []


def test_remarks_come_from_the_environment_and_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "plimsoll_keys_fil").write_text("x")
    monkeypatch.setattr("plimsoll.settings.SECRETS_FOLDER", tmp_path / "secrets")
    Path(".env").write_text("PLIMSOLL_LOG_LEVL=debug\nOTHER=1\n")
    monkeypatch.setenv("PLIMSOLL_PROT", "1")
    remarks = setting_remarks(load_settings())
    assert [remark.split()[0] for remark in remarks] == ["PLIMSOLL_KEYS_FIL", "PLIMSOLL_LOG_LEVL", "PLIMSOLL_PROT"]
    assert [remark.split()[-1] for remark in remarks] == [
        "PLIMSOLL_KEYS_FILE?", "PLIMSOLL_LOG_LEVEL?", "PLIMSOLL_PORT?",
    ]  # fmt: skip


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
        "OTEL_PROPAGATORS": "tracecontext",
    }
