"""What is shown of a result: tables, floors, a picture; and how a row is found right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench.contestants import CONTESTANTS
from benchmarks.bench.correctness import agrees
from benchmarks.bench.environments import plain_reason
from benchmarks.bench.plot import draw
from benchmarks.bench.tables import floors, grids, markdown_of
from tests.unit.benchmarks.bench_results import result, showing, workload

SERVERS = workload(
    {
        "plimsoll": showing({"1": [300, 300, 300], "64": [800, 900, 1000]}, [2.0, 2.0, 2.0]),
        "plain": showing({"1": [100, 100, 100], "64": [400, 450, 500]}, [None, None, 30.0]),
    },
    {"1": [1000, 1000, 1000]},
)
SERVERS.left_out = {"torchserve": "there is no Java: apt install default-jre-headless"}
RESULT = result(A=SERVERS)


def test_tables_hold_medians_ratios_and_who_is_left_out_and_why() -> None:
    text = "\n".join(line for grid in grids(RESULT) for line in markdown_of(grid))
    assert "| plimsoll | 300 (1.0 / 2.0 / 3.0) | 900 (1.0 / 2.0 / 3.0) |" in text
    assert "| raw torch, batch = c | 1000 |  |" in text
    assert "| the best peer | 3.00 (3.00 to 3.00) plain | 2.00 (2.00 to 2.00) plain |" in text
    assert "| plain | 1.0 | 2.0 | never | 10 of 300 |" in text
    assert "| A | torchserve | there is no Java: apt install default-jre-headless |" in text


def test_floors_hold_or_fail_by_the_ratio_to_the_best_peer() -> None:
    claims = {claim.what: claim.holds for claim in floors(RESULT).claims}
    assert claims["A, c = 1: times the best peer, plain"]
    assert not claims["A, c = 64: times the best peer, plain"]
    assert claims["A, c = 1: added to the bare forward"]


def test_a_picture_is_drawn_of_whoever_took_part(tmp_path: Path) -> None:
    draw(RESULT, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("plimsoll", '{"predictions": [{"class": 1, "probabilities": [0.1, 0.90005]}]}'),
        ("litserve", '{"class": 1, "probabilities": [0.1, 0.9]}'),
        ("bentoml", '[{"class": 1, "probabilities": [0.1, 0.9]}]'),
        ("mlserver", '{"outputs": [{"name": "class", "data": [1]}, {"name": "probabilities", "data": [0.1, 0.9]}]}'),
    ],
)
def test_every_server_is_read_in_its_own_words(name: str, body: str) -> None:
    expected = np.array([0.1, 0.9], dtype=np.float32)
    assert agrees(CONTESTANTS[name].probabilities, body.encode(), expected)


@pytest.mark.parametrize("body", ["[0.9, 0.1]", "[0.1, 0.9002]", "[0.1]", "{}", "", '{"detail": "no"}', "[null, 0.9]"])
def test_any_other_answer_is_wrong(body: str) -> None:
    assert not agrees(lambda document: document, body.encode(), np.array([0.1, 0.9], dtype=np.float32))


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
