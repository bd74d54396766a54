from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import TraceState
from plimsoll.telemetry.logging_setup import set_up_logging

LOGGERS = ("", "plimsoll", "uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn.error")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """The set-up holds for the whole process; put back what pytest had."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(each.handlers[:], each.level, each.propagate, each.disabled) for each in loggers]
    streams = sys.stdout, sys.stderr
    yield
    sys.stdout, sys.stderr = streams
    for each, (handlers, level, propagate, disabled) in zip(loggers, before, strict=True):
        each.handlers[:], each.propagate, each.disabled = handlers, propagate, disabled
        each.setLevel(level)


def set_up(
    style: Literal["auto", "json", "human"] = "json", level: str = "info", request: dict[str, str] | None = None
) -> None:
    set_up_logging(style, level, lambda: request or {})


def written() -> None:
    """Wait until what was logged has been written."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    written()
    captured = capfd.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_line_is_json_with_time_level_logger_and_what_was_added(capfd: pytest.CaptureFixture[str]) -> None:
    set_up()
    logging.getLogger("plimsoll.somewhere").info("größer als %d", 5, extra={"model": "tiny"})
    (line,) = lines(capfd)
    assert line.pop("time").startswith("20")
    assert line == {"level": "INFO", "logger": "plimsoll.somewhere", "message": "größer als 5", "model": "tiny"}


def test_an_exception_stays_on_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    set_up()
    try:
        int("seven\neight")
    except ValueError:
        logging.getLogger("plimsoll").exception("it broke")
    (line,) = lines(capfd)
    assert "ValueError: invalid literal" in line["exc_info"]
    assert "\n" in line["exc_info"]


def test_a_line_carries_the_id_and_the_peer_of_its_request(capfd: pytest.CaptureFixture[str]) -> None:
    set_up(request={"request_id": "abc-1", "peer": "192.0.2.7"})
    logging.getLogger("plimsoll").info("hello")
    (line,) = lines(capfd)
    assert (line["request_id"], line["peer"]) == ("abc-1", "192.0.2.7")


def test_headers_of_requests_write_no_lines_through_opentelemetry(capfd: pytest.CaptureFixture[str]) -> None:
    set_up()
    TraceState([(f"a{number}", "b") for number in range(40)])
    TraceState([("not a key", "b")])
    assert lines(capfd) == []


def test_a_line_outside_a_request_has_no_id(capfd: pytest.CaptureFixture[str]) -> None:
    set_up()
    logging.getLogger("plimsoll").info("hello")
    assert {"request_id", "peer", "trace_id", "span_id"}.isdisjoint(lines(capfd)[0])


def test_a_line_within_a_span_carries_its_trace(capfd: pytest.CaptureFixture[str]) -> None:
    set_up()
    provider = TracerProvider()
    with provider.get_tracer("test").start_as_current_span("work") as span:
        logging.getLogger("plimsoll").info("hello")
    provider.shutdown()
    (line,) = lines(capfd)
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert line["span_id"] == f"{span.get_span_context().span_id:016x}"


def test_a_person_gets_short_lines(capfd: pytest.CaptureFixture[str]) -> None:
    set_up("human")
    logging.getLogger("plimsoll").info("hello")
    written()
    words = capfd.readouterr().err.split()
    assert words[1:] == ["INFO", "hello"]


@pytest.mark.parametrize("terminal", [True, False])
def test_auto_writes_for_people_on_a_terminal_and_json_elsewhere(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    monkeypatch.setattr("os.isatty", lambda _: terminal)
    set_up("auto")
    logging.getLogger("plimsoll").info("hello")
    written()
    assert capfd.readouterr().err.startswith("{") == (not terminal)


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_that_of_our_own_loggers(capfd: pytest.CaptureFixture[str], level: str, heard: int) -> None:
    set_up(level=level)
    for severity in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("plimsoll.api").log(severity, "hello")
    assert len(lines(capfd)) == heard


def test_libraries_are_heard_from_warnings_on_in_the_same_format(capfd: pytest.CaptureFixture[str]) -> None:
    set_up(level="debug")
    for name in ("somelibrary", "uvicorn", "uvicorn.error"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble")
    assert [(line["logger"], line["message"]) for line in lines(capfd)] == [
        ("somelibrary", "trouble"), ("uvicorn", "trouble"), ("uvicorn.error", "trouble"),
    ]  # fmt: skip


def test_uvicorns_own_access_lines_are_off(capfd: pytest.CaptureFixture[str]) -> None:
    set_up()
    logging.getLogger("uvicorn.access").info("GET / 200")
    logging.getLogger("uvicorn.access").error("GET / 500")
    assert lines(capfd) == []


def test_setting_up_twice_writes_each_line_once(capfd: pytest.CaptureFixture[str]) -> None:
    set_up()
    set_up()
    logging.getLogger("plimsoll").info("hello")
    assert len(lines(capfd)) == 1


def test_what_is_printed_joins_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    set_up()
    print("from a model")  # noqa: T201  # as models do
    written()
    assert capfd.readouterr() == ("", "from a model\n")


@pytest.mark.parametrize("style", ["json", "human"])
@pytest.mark.parametrize("text", ["x" * 100_000, "ä" * 50_000, "\x01" * 30_000, '"' * 30_000, "line\n" * 9_000])
def test_a_line_is_at_most_8_kib_and_says_how_much_is_missing(
    capfd: pytest.CaptureFixture[str], style: Literal["json", "human"], text: str
) -> None:
    set_up(style)
    try:
        int(text)
    except ValueError:
        logging.getLogger("plimsoll").exception("it broke: %s", text, extra={"given": text, "row": 7})
    written()
    line = capfd.readouterr().err
    assert len(line.encode()) <= 8193, "8 KiB and the end of the line"
    assert " more bytes)" in line
    if style == "json":
        assert json.loads(line)["row"] == 7
