from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.settings import (
    PREFIX,
    Settings,
    SettingsError,
    count_together,
    load_settings,
    prepare_libraries,
    variable_name,
)
from pydantic import ValidationError

FIELDS = list(Settings.model_fields)


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of secret files, which is there."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setattr("plimsoll.settings.SECRETS_FOLDER", folder)
    return folder


def refusal(**chosen: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(**chosen)
    return caught.value.message


def test_without_any_source_every_setting_has_its_default() -> None:
    settings = load_settings()
    assert settings.model_dump() == {name: field.default for name, field in Settings.model_fields.items()}
    assert (settings.host, settings.port, settings.metrics_port) == ("127.0.0.1", 8000, None)
    assert (settings.objective_ms, settings.trust_pt2, settings.workers) == (100.0, False, 1)


def test_a_nearer_source_wins(monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    (secrets / "plimsoll_port").write_text("1001\n")
    seen = [load_settings().port]
    Path(".env").write_text("PLIMSOLL_PORT=1002\n")
    seen.append(load_settings().port)
    monkeypatch.setenv("PLIMSOLL_PORT", "1003")
    seen.append(load_settings().port)
    seen.append(load_settings(port=1004).port)
    assert seen == [1001, 1002, 1003, 1004]


def test_sources_fill_each_other_in(monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    (secrets / "plimsoll_default_model").write_text("digits")
    Path(".env").write_text("PLIMSOLL_LOG_LEVEL=debug\n# a remark\nOTHER=1\n")
    monkeypatch.setenv("PLIMSOLL_HOST", "::1")
    settings = load_settings(workers=2)
    assert (settings.default_model, settings.log_level, settings.host, settings.workers) == (
        "digits",
        "debug",
        "::1",
        2,
    )


def test_a_secret_is_found_as_kubernetes_mounts_it(secrets: Path) -> None:
    (secrets / "..2024_05_01").mkdir()
    (secrets / "..data").symlink_to("..2024_05_01")
    (secrets / "..2024_05_01" / "PLIMSOLL_DEFAULT_MODEL").write_text("digits\n")
    (secrets / "PLIMSOLL_DEFAULT_MODEL").symlink_to(Path("..data") / "PLIMSOLL_DEFAULT_MODEL")
    assert load_settings().default_model == "digits"


def test_what_the_command_line_does_not_say_is_left_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLIMSOLL_PORT", "1003")
    assert load_settings(port=None, host=None).port == 1003


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLIMSOLL_METRICS_PORT", "")
    monkeypatch.setenv("PLIMSOLL_TRACK", "")
    settings = load_settings()
    assert (settings.metrics_port, settings.track) == (None, None)


def test_variables_that_are_none_of_ours_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLIMSOLL_SERVICE_HOST", "10.0.0.7")  # Kubernetes injects it beside PLIMSOLL_PORT
    monkeypatch.setenv("PORT", "1")
    assert load_settings().port == 8000


@pytest.mark.parametrize("name", ["PORT", "METRICS_PORT", "ADMIN_PORT", "GRPC_PORT"])
def test_a_service_link_of_kubernetes_is_recognised(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"PLIMSOLL_{name}", "tcp://10.96.11.7:8000")
    message = refusal()
    assert message.startswith(f"PLIMSOLL_{name}: 'tcp://10.96.11.7:8000' is an address that Kubernetes injects")
    assert "enableServiceLinks: false" in message
    assert message.count("tcp://") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"), ("PORT", "-1"), ("PORT", "65536"), ("PORT", "80.5"), ("METRICS_PORT", "70000"),
        ("WORKERS", "0"), ("WORKERS", "65"), ("TORCH_THREADS", "0"), ("TORCH_THREADS", "two"),
        ("CPUS", "0"), ("CPUS", "1500m"),
        ("INLINE_BUDGET_MS", "-1"), ("INLINE_BUDGET_MS", "nan"), ("INLINE_BUDGET_MS", "1001"),
        ("TRUST_PT2", "perhaps"), ("MAX_BODY_BYTES", "1023"), ("MAX_BODY_BYTES", "8MB"),
        ("OBJECTIVE_MS", "0"), ("OBJECTIVE_MS", "inf"), ("OBJECTIVE_MS", "600001"),
        ("STOP_WAIT_SECONDS", "-1"), ("STOP_WAIT_SECONDS", "601"), ("STOP_DRAIN_SECONDS", "-0.1"),
        ("MAX_BATCH_ROWS", "0"), ("MAX_BATCH_ROWS", "4097"), ("MAX_BATCH_ROWS", "1.5"), ("MAX_WAIT_MS", "-1"),
        ("MAX_WAIT_MS", "10001"), ("MAX_WAIT_MS", "nan"), ("CONCURRENCY", "0"), ("CONCURRENCY", "100001"),
        ("QUEUE_LIMIT", "0"), ("QUEUE_LIMIT", "none"), ("QUEUE_BYTES", "1023"), ("QUEUE_BYTES", "256MB"),
        ("REQUEST_TIMEOUT_MS", "0"), ("REQUEST_TIMEOUT_MS", "-5"), ("REQUEST_TIMEOUT_MS", "2.5"),
        ("MAX_REQUEST_TIMEOUT_MS", "0"), ("MAX_REQUEST_TIMEOUT_MS", "86400001"), ("ALLOW_ANONYMOUS", "maybe"),
        ("LOG_FORMAT", "xml"), ("LOG_LEVEL", "INFO"), ("TRACK", "blue"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_refused_with_its_variable_and_itself(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"PLIMSOLL_{name}", value)
    message = refusal()
    assert message.startswith(f"PLIMSOLL_{name}: Input should be ")
    assert message.endswith(f" (given: '{value}')")
    assert "\n" not in message


def test_several_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLIMSOLL_PORT", "eighty")
    monkeypatch.setenv("PLIMSOLL_WORKERS", "none")
    message = refusal()
    assert "PLIMSOLL_PORT: " in message
    assert "; PLIMSOLL_WORKERS: " in message


@given(number=st.integers())
def test_a_port_is_any_number_that_tcp_has(number: int) -> None:
    if 0 <= number <= 65535:
        assert load_settings(port=number).port == number
    else:
        bound = "greater than or equal to 0" if number < 0 else "less than or equal to 65535"
        assert refusal(port=number) == f"PLIMSOLL_PORT: Input should be {bound} (given: {number})"


@given(value=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_any_text_at_all_in_a_number_is_read_or_refused_by_name(value: str) -> None:
    variables = {f"{PREFIX}{name}": value for name in ("PORT", "OBJECTIVE_MS", "TRUST_PT2")}
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        load_settings()
    except SettingsError as error:
        told = error.message
    else:
        told = " ".join(variables)
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert any(variable in told for variable in variables)


def test_workers_and_a_port_for_metrics_or_grpc_exclude_each_other() -> None:
    assert refusal(workers=2, grpc_port=8003).endswith("stay with one worker each; unset PLIMSOLL_GRPC_PORT")
    assert refusal(workers=2, metrics_port=8001) == (
        "PLIMSOLL_WORKERS above 1 serves /metrics on the main port; unset PLIMSOLL_METRICS_PORT"
    )


def test_two_servers_cannot_share_a_port_unless_they_take_free_ones() -> None:
    assert refusal(port=8000, metrics_port=8000) == (
        "PLIMSOLL_METRICS_PORT and PLIMSOLL_PORT are both 8000; give them different ports"
    )
    assert "PLIMSOLL_GRPC_PORT and PLIMSOLL_PORT are both 8000" in refusal(grpc_port=8000)
    assert "ADMIN_PORT and PLIMSOLL_METRICS_PORT are both 8002" in refusal(
        desired_state="state.yaml", metrics_port=8002
    )
    assert load_settings(metrics_port=8002).metrics_port == 8002, "without a desired state there is no admin API"
    assert load_settings(port=0, metrics_port=0).metrics_port == 0


@pytest.mark.parametrize(("queue_limit", "refused"), [(1, True), (9, True), (10, False), (1000, False)])
def test_a_queue_limit_below_the_concurrency_is_refused(*, queue_limit: int, refused: bool) -> None:
    if refused:
        message = refusal(concurrency=10, queue_limit=queue_limit)
        assert message == f"PLIMSOLL_QUEUE_LIMIT, {queue_limit}, is less than PLIMSOLL_CONCURRENCY, 10"
    else:
        assert load_settings(concurrency=10, queue_limit=queue_limit).hard_queue_limit == queue_limit


@given(concurrency=st.integers(1, 100_000))
def test_without_a_queue_limit_twice_the_concurrency_may_be_in_flight(concurrency: int) -> None:
    assert load_settings(concurrency=concurrency).hard_queue_limit == 2 * concurrency


@pytest.mark.parametrize(("usual", "most", "refused"), [(1001, 1000, True), (1000, 1000, False), (1, 1000, False)])
def test_a_request_timeout_above_the_most_that_one_may_ask_for_is_refused(
    *, usual: int, most: int, refused: bool
) -> None:
    if refused:
        message = refusal(request_timeout_ms=usual, max_request_timeout_ms=most)
        assert message == "PLIMSOLL_REQUEST_TIMEOUT_MS is greater than PLIMSOLL_MAX_REQUEST_TIMEOUT_MS"
    else:
        assert load_settings(request_timeout_ms=usual, max_request_timeout_ms=most).request_timeout_ms == usual


def test_batches_wait_for_nobody_and_nothing_is_unbounded_unless_the_operator_says_so() -> None:
    settings = load_settings()
    assert (settings.max_batch_rows, settings.max_wait_ms) == (128, 0.0)
    assert (settings.concurrency, settings.hard_queue_limit, settings.queue_bytes) == (64, 128, 256 << 20)
    assert (settings.request_timeout_ms, settings.max_request_timeout_ms) == (30_000, 300_000)


@pytest.mark.parametrize("source", [".env", "secret"])
def test_a_source_that_is_not_text_is_refused_and_not_a_trace(source: str, secrets: Path) -> None:
    file = Path(".env") if source == ".env" else secrets / "plimsoll_default_model"
    file.write_bytes(b"PLIMSOLL_DEFAULT_MODEL=caf\xe9\n")
    refusal()


@pytest.mark.parametrize("value", ["true", "1", "True", "yes", "on"])
def test_trust_is_a_switch(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PLIMSOLL_TRUST_PT2", value)
    assert load_settings().trust_pt2 is True


def test_durations_are_handed_on_in_seconds() -> None:
    settings = load_settings(objective_ms=250, inline_budget_ms=1.5)
    assert (settings.objective_seconds, settings.inline_budget_seconds) == (0.25, 0.0015)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 9  # type: ignore[misc]


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_described_in_a_sentence(name: str) -> None:
    description = Settings.model_fields[name].description or ""
    assert description.endswith(".")
    assert "|" not in description  # it becomes a cell of a table


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_can_be_set_by_its_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    default = Settings.model_fields[name].default
    words = {"track": "canary", "log_format": "json", "log_level": "error", "metrics_port": "7", "queue_limit": "777"}
    words |= {"trust_pt2": "true", "allow_anonymous": "true"}
    words |= dict.fromkeys(("max_body_bytes", "queue_bytes", "max_picture_bytes"), "4096")
    words |= {
        "max_request_timeout_ms": "30001",
        "factories": "package.module:make",
        "allowed_origins": "https://app.example",
        "root_path": "/team",
        "trusted_proxies": "10.0.0.7",
        "otel_protocol": "grpc",
        "otel_traces_protocol": "grpc",
    }
    words |= {"otel_disabled": "true", "cpus": "3", "torch_threads": "3", "max_reading": "3", "ready_when": "all"}
    words |= {"otel_endpoint": "http://x", "otel_traces_endpoint": "http://x/v1/traces", "grpc_port": "8"}
    words |= {"max_head_bytes": "4096", "max_head_fields": "8", "max_request_line_bytes": "4096"}
    value = words.get(name, "3" if isinstance(default, int | float) else "x")
    monkeypatch.setenv(variable_name(name), value)
    assert getattr(load_settings(), name) != default


def test_a_variable_is_the_name_in_capitals_and_tracing_keeps_the_name_that_it_has_everywhere() -> None:
    assert variable_name("stop_wait_seconds") == "PLIMSOLL_STOP_WAIT_SECONDS"
    assert variable_name("otel_endpoint") == "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def environment_as_it_was() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("environment_as_it_was")
def test_libraries_are_told_their_dialect_unless_the_operator_chose_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("OTEL_SEMCONV_STABILITY_OPT_IN", raising=False)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "chosen")
    prepare_libraries(traced=True)
    assert os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] == "http"
    assert os.environ["OTEL_SERVICE_NAME"] == "chosen"
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    count_together(tmp_path)
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(tmp_path)
