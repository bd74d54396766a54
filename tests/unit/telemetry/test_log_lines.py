"""Log lines of bounded length, for machines and for people."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.telemetry.log_lines import LONGEST_LINE_BYTES, HumanLines, JsonLines, cut


def record(message: str, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("plimsoll.test", logging.INFO, __file__, 1, message, (), None)
    made.__dict__.update(extra)
    return made


def test_a_json_line_has_level_logger_time_and_what_was_added() -> None:
    line = json.loads(JsonLines().format(record("hello", model="tiny", rows=3)))
    assert line.pop("time")
    assert line == {"level": "INFO", "logger": "plimsoll.test", "message": "hello", "model": "tiny", "rows": 3}


def test_a_line_for_people_has_time_level_and_message() -> None:
    time, level, message = HumanLines().format(record("hello", model="tiny")).split()
    assert (len(time), level, message) == (len("12:34:56"), "INFO", "hello")


@pytest.mark.parametrize("message", ["a" * 100_000, "ä" * 50_000, "\n" * 20_000, "\u2028😀" * 10_000])
def test_a_long_message_is_cut_and_the_line_says_so(message: str) -> None:
    line = JsonLines().format(record(message, model="tiny"))
    assert len(line.encode()) <= LONGEST_LINE_BYTES
    said = json.loads(line)
    assert said["message"].startswith(message[0])
    assert said["message"].endswith(" more bytes)")
    assert said["model"] == "tiny"
    human = HumanLines().format(record(message))
    assert len(human.encode()) <= LONGEST_LINE_BYTES
    assert human.endswith(" more bytes)")


def test_of_many_long_texts_each_keeps_its_beginning() -> None:
    extra = {f"field{number}": str(number) * 5000 for number in range(30)}
    line = JsonLines().format(record("hello", **extra))
    assert len(line.encode()) <= LONGEST_LINE_BYTES
    said = json.loads(line)
    assert said["message"] == "hello"
    assert all(said[name].startswith(text[:20]) for name, text in extra.items())


def test_numbers_are_never_cut() -> None:
    line = json.loads(JsonLines().format(record("a" * 100_000, seconds=1.25, rows=12345678901234567890, ok=True)))
    assert (line["seconds"], line["rows"], line["ok"]) == (1.25, 12345678901234567890, True)


@given(st.text(max_size=200), st.integers(0, 60))
def test_a_text_that_is_cut_is_its_beginning_and_how_much_follows(text: str, most_bytes: int) -> None:
    encoded = text.encode(errors="backslashreplace")
    shortened = cut(text, most_bytes)
    if len(encoded) <= most_bytes:
        assert shortened == text
    else:
        beginning, _, rest = shortened.rpartition("... (")
        assert encoded.startswith(beginning.encode())
        assert len(beginning.encode()) <= most_bytes
        assert rest == f"{len(encoded) - most_bytes} more bytes)"


@given(st.text(st.characters(codec=None), max_size=100), st.dictionaries(st.sampled_from("abcd"), st.text(max_size=50)))
def test_any_text_makes_one_line_of_json(message: str, extra: dict[str, str]) -> None:
    line = JsonLines().format(record(message.replace("%", ""), **extra))
    assert "\n" not in line
    assert json.loads(line)["message"] == message.replace("%", "")
