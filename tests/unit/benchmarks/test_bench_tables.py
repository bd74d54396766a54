"""Tables, page and picture of a result; and how a row is found right."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench.contestant import TOLERANCE_OF_TUNED
from benchmarks.bench.contestants import CONTESTANTS
from benchmarks.bench.correctness import agrees
from benchmarks.bench.environments import plain_reason
from benchmarks.bench.page import doubts, merged, page, write
from benchmarks.bench.plot import draw
from benchmarks.bench.tables import grids, markdown_of
from benchmarks.bench.wires import JSON
from tests.unit.benchmarks.bench_results import offered, result, scenario, showing, workload

OURS = showing({"1": [300, 300, 300], "64": [800, 900, 1000]}, p99=2.0)
PLAIN = showing({"1": [100, 100, 100], "64": [400, 450, 500]})
OURS.scenario, PLAIN.scenario = scenario(500), scenario(0)
OURS.overload = [offered(0.2, 20), offered(3, 97)]
SERVERS = workload({"plimsoll": OURS, "plain": PLAIN}, {"1": [1000, 1000, 1000]})
SERVERS.left_out = {"torchserve": "there is no Java: apt install default-jre-headless"}
SERVERS.tuned = {"plain": "up to 64 rows, 2 ms"}
RESULT = result(A=SERVERS)


def test_tables_hold_medians_ratios_and_who_is_left_out_and_why() -> None:
    text = "\n".join(line for grid in grids(RESULT) for line in markdown_of(grid))
    assert "| plimsoll | 300 (1.0 / 2.0 / 2.0) | 900 (1.0 / 2.0 / 2.0) |" in text
    assert "| raw torch, one core, batch = c | 1000 |  |" in text
    assert "| the best living peer | 3.00 (3.00 to 3.00) plain | 2.00 (2.00 to 2.00) plain |" in text
    assert "| plimsoll | 500 | 12.0 | benchmarks.open_loop, 7 rates tried |" in text
    assert "| plain | at no rate |" in text
    assert "| plimsoll | 20 of 20 (50) | 97 of 300 (50) |" in text
    assert "| A | torchserve | there is no Java: apt install default-jre-headless |" in text


def test_the_model_of_a_task_without_a_server_has_a_row_and_a_ratio() -> None:
    texts = workload({"plimsoll": showing({"16": [90, 90, 90]}), "plain": showing({"16": [60, 60, 60]})}, {})
    texts.raw_task = {"16": [120.0, 120.0, 120.0]}
    text = "\n".join(line for grid in grids(result(E=texts)) for line in markdown_of(grid))
    assert "| the model without a server, two processes, one row at a time | 120 |" in text
    assert "| the model without a server | 0.75 (0.75 to 0.75) |" in text


def test_a_page_has_the_tuning_of_each_server_and_says_that_a_short_run_is_not_for_publication() -> None:
    text = page(RESULT, "bench.png")
    assert "| plain | as it comes | A: up to 64 rows, 2 ms |" in text
    assert "**Not for publication:** 3 rounds of 5 s are a short run." in text
    assert "MLPerf" not in text


def test_cells_that_other_programs_disturbed_are_counted() -> None:
    busy = showing({"1": [100] * 5})
    busy.closed["1"][0] = replace(busy.closed["1"][0], strangers_cores=0.9)
    run = result(A=workload({"plimsoll": busy}))
    run.rounds, run.seconds = 5, 10
    assert doubts(run) == ["in 1 of 5 cells other programs took more than 0.2 of a core"]


def test_a_picture_is_drawn_of_whoever_took_part(tmp_path: Path) -> None:
    draw(RESULT, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_in_which_nothing_could_be_measured_still_has_its_page_and_picture(tmp_path: Path) -> None:
    nothing = result(A=workload({}))
    nothing.workloads["A"].left_out = {"all": "the server did not become ready"}
    write(nothing, tmp_path / "bench.md")
    assert "| A | all | the server did not become ready |" in (tmp_path / "bench.md").read_text()
    assert (tmp_path / "bench.png").is_file()


def test_parts_are_put_together_and_a_cell_counts_for_all_servers_or_none() -> None:
    first = result(A=workload({"plimsoll": showing({"1": [300], "8": [700]}), "plain": showing({"1": [100]})}))
    again = result(A=workload({"plimsoll": showing({"1": [400]})}), B=workload({"plimsoll": showing({"8": [50]})}))
    again.workloads["A"].servers["plimsoll"].scenario = scenario(500)
    whole = merged([first, again])
    assert set(whole.workloads) == {"A", "B"}
    assert whole.workloads["A"].servers["plimsoll"].medians() == {"8": 700, "1": 400}
    assert whole.workloads["A"].servers["plain"].closed == {}
    assert whole.workloads["A"].servers["plimsoll"].scenario == scenario(500)


def test_parts_of_two_commits_are_not_put_together() -> None:
    other = replace(result(), occasion=replace(RESULT.occasion, commit="def5678"))
    with pytest.raises(ValueError, match="of abc1234 and def5678"):
        merged([result(), other])


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("litserve", '{"class": 1, "probabilities": [0.1, 0.9]}'),
        ("bentoml", '[{"class": 1, "probabilities": [0.1, 0.9]}]'),
        ("mosec", '{"class": 1, "probabilities": [0.1, 0.9]}'),
        ("triton", '{"outputs": [{"name": "probabilities", "data": [0.1, 0.9]}]}'),
        ("mlserver", '{"outputs": [{"name": "class", "data": [1]}, {"name": "probabilities", "data": [0.1, 0.9]}]}'),
    ],
)
def test_every_server_is_read_in_its_own_words(name: str, body: str) -> None:
    expected = np.array([0.1, 0.9], dtype=np.float32)
    assert agrees(CONTESTANTS[name].wires[JSON].read, body.encode(), expected)


@pytest.mark.parametrize("body", ["[0.9, 0.1]", "[0.1, 0.9002]", "[0.1]", "{}", "", '{"detail": "no"}', "[null, 0.9]"])
def test_any_other_answer_is_wrong(body: str) -> None:
    assert not agrees(json.loads, body.encode(), np.array([0.1, 0.9], dtype=np.float32))


@pytest.mark.parametrize(
    ("expected", "body", "right"),
    [
        ([0.4, 0.6], "[0.44, 0.56]", True),
        ([0.4, 0.6], "[0.46, 0.54]", False),
        ([0.49, 0.51], "[0.51, 0.49]", True),
        ([0.47, 0.53], "[0.51, 0.49]", False),
    ],
)
def test_a_tuned_bundle_may_be_a_little_off_in_the_same_class(expected: list[float], body: str, right: bool) -> None:
    assert agrees(json.loads, body.encode(), np.array(expected, dtype=np.float32), TOLERANCE_OF_TUNED) is right


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("Looking in links\nERROR: No matching distribution found for x==9\nnotice", "ERROR: No matching distribution"),
        ("Traceback\n  File x\nModuleNotFoundError: No module named 'yaml'\nmore", "ModuleNotFoundError: No module"),
        ("ERROR: cannot read /a/b/c from https://host.example/simple", "ERROR: cannot read <path> from <address>"),
        ("of 256 rows 3 were answered wrongly", "of 256 rows 3 were answered wrongly"),
        ("", "it said nothing"),
    ],
)
def test_a_reason_is_the_telling_line_without_paths_and_hosts(output: str, reason: str) -> None:
    assert plain_reason(output).startswith(reason)
