from __future__ import annotations

import json
from dataclasses import replace

from plimsoll.rollout.display import Display, Look
from plimsoll.rollout.display_lines import JsonLines, PlainLines

from tests.doubles.rollout_session import verdict
from tests.unit.rollout.test_state import recorded
from tests.unit.rollout.test_track_figures import COUNTS, interval


def looked(result: str = "continue", evidence: float = 1.5) -> Look:
    _, record = recorded()
    return Look(record, replace(verdict(result), evidence=evidence), [interval(100, COUNTS)], 600)


def test_a_look_is_one_line_for_people() -> None:
    lines: list[str] = []
    display: Display = PlainLines(lines.append)
    display.look(looked())
    (line,) = lines
    assert line[9:] == (
        "add the canary: continue; canary 1000 of 200 requests, p95 100 ms (84.7 to 124), failed 2 % (1.3 to 3.07); "
        "stable 0 requests, p95 -, failed -; evidence 1.5 of 20; 10 minutes left; the reason"
    )


def test_a_sentence_that_repeats_itself_is_written_once() -> None:
    lines: list[str] = []
    display = PlainLines(lines.append)
    for sentence in ("no answer", "no answer", "an answer", "no answer"):
        display.note(sentence)
    assert [line[9:] for line in lines] == ["no answer", "an answer", "no answer"]


def test_values_to_commit_are_yaml() -> None:
    lines: list[str] = []
    PlainLines(lines.append).commit({"canary": {"weight": 5, "model": {"version": "2"}}})
    assert lines[0].endswith(":\ncanary:\n  weight: 5\n  model:\n    version: '2'")


def test_for_programs_each_thing_is_one_json_object() -> None:
    lines: list[str] = []
    display: Display = JsonLines(lines.append)
    _, record = recorded()
    display.note("a note")
    display.event("ended", "promoted", replace(record, outcome="promoted"))
    display.look(looked(evidence=float("inf")))
    display.commit({"canary": {"weight": 5}})
    found = [json.loads(line) for line in lines]
    assert [each["event"] for each in found] == ["note", "ended", "look", "commit"]
    assert found[1]["outcome"] == "promoted"
    assert found[2]["evidence"] is None
    assert found[2]["canary"]["p95_seconds"]["value"] == 0.1
    assert found[3]["values"] == {"canary": {"weight": 5}}
