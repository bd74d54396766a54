"""The choice of cells and servers, the best of a sweep, and the search of a rate."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.bench import tunings
from benchmarks.bench.choices import cells, listed, parts, quick_or
from benchmarks.bench.contestants import CONTESTANTS, INTERPRETED, UNPACKED
from benchmarks.bench.rate_search import greatest_rate
from benchmarks.bench.tunings import Trial, best, chosen, grid, record, words
from benchmarks.bench.wires import BYTES, JSON, Row, open_inference_bytes, plain_bytes
from benchmarks.bench.workloads import GARMENTS, HEAVY, SENTIMENT, SMALL, SMALL_IN_BYTES
from benchmarks.peers.tuning import Tuning


def test_cells_are_whole_workloads_or_some_of_their_connections() -> None:
    assert cells("A,B:8:64") == {"A": (1, 8, 64, 128), "B": (8, 64)}
    assert parts("server,closed") == ("server", "closed")
    assert listed("mosec,mosec,triton", CONTESTANTS, "server") == ["mosec", "triton"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Z", "A-bytes, B, C, T, E, P, not 'Z'"),
        ("A:x", "as in A:8:64"),
        ("A:0", "numbers of connections"),
    ],
)
def test_a_cell_that_does_not_exist_is_refused_with_those_that_do(text: str, reason: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=reason):
        cells(text)


def test_an_unknown_server_is_refused_with_the_known_ones() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="there is no server 'triton2': expected some of"):
        listed("triton2", CONTESTANTS, "server")


def test_a_quick_run_has_two_peers_unless_others_are_asked_for() -> None:
    assert quick_or(None, ["mosec"], quick=True) == ["plain", "litserve"]
    assert quick_or(["triton"], ["mosec"], quick=True) == ["triton"]
    assert quick_or(None, ["mosec"], quick=False) == ["mosec"]


def test_a_sweep_tries_every_batch_with_every_wait_and_single_rows_once() -> None:
    assert grid((0, 2)) == [Tuning(1, 0), Tuning(16, 0), Tuning(16, 2), Tuning(64, 0), Tuning(64, 2)]


def test_the_best_of_a_sweep_serves_few_and_many_clients() -> None:
    slow_alone = Trial(Tuning(64, 5), {"1": 100, "64": 9000})
    balanced = Trial(Tuning(16, 0), {"1": 1000, "64": 4000})
    failed = Trial(Tuning(64, 0), {}, "the server ended")
    assert best([failed, slow_alone, balanced]) == balanced
    assert best([failed]) is None


def test_the_best_is_written_with_all_that_were_tried_and_read_again(tmp_path: Path) -> None:
    document: dict[str, Any] = {"A": {"litserve": {"batch_rows": 16, "wait_ms": 1}}}
    trials = [Trial(Tuning(64, 2), {"1": 10.04, "64": 20}), Trial(Tuning(64, 0), {}, "the server ended")]
    record(document, "A", "mosec", trials, "abc1234")
    record(document, "A", "triton", trials[1:], "abc1234")
    path = tmp_path / "tunings.json"
    path.write_text(json.dumps(document))
    assert chosen(tunings.read(path), "A", "mosec") == Tuning(64, 2)
    assert chosen(tunings.read(path), "A", "litserve") == Tuning(16, 1)
    assert chosen(tunings.read(path), "A", "triton") is None
    assert chosen(tunings.read(tmp_path / "none.json"), "A", "mosec") is None
    assert document["A"]["mosec"]["tried"][1] == {
        "batch_rows": 64, "wait_ms": 0, "per_second": {}, "fault": "the server ended"
    }  # fmt: skip


def test_a_peer_that_no_sweep_has_tried_is_said_to_be_so() -> None:
    assert words(Tuning(16, 1)) == "up to 16 rows, 1 ms"
    assert words(None) == "up to 64 rows, 2 ms (not swept)"


@pytest.mark.parametrize("limit", [80.0, 500.0, 1200.0])
def test_the_greatest_rate_is_found_to_a_few_percent(limit: float) -> None:
    asked: list[float] = []

    def meets(rate: float) -> bool:
        asked.append(rate)
        return rate <= limit

    found = greatest_rate(meets, peak=1000, trials=7)
    assert 0.96 * limit < found <= limit
    assert len(asked) == 7


def test_no_rate_is_found_where_none_is_met() -> None:
    assert greatest_rate(lambda _: False, peak=1000) == 0


def test_bytes_go_and_come_as_the_protocol_of_each_server_has_them() -> None:
    row, answer = Row("[1.0,2.0]", np.array([1, 2], np.float32)), np.array([0.25, 0.75], "<f4")
    plain = plain_bytes("/bytes")
    assert plain.body(row) == b"\x00\x00\x80\x3f\x00\x00\x00\x40"
    assert plain.read(answer.tobytes()) == [0.25, 0.75]
    wire = open_inference_bytes("/v2/models/digits/infer", "pixels", 2)
    head = int(wire.headers["Inference-Header-Content-Length"])
    sent = wire.body(row)
    assert json.loads(sent[:head])["inputs"][0]["name"] == "pixels"
    assert sent[head:] == plain.body(row)
    outputs = [
        {"name": "class", "parameters": {"binary_data_size": 8}},
        {"name": "probabilities", "parameters": {"binary_data_size": 8}},
    ]
    body = json.dumps({"outputs": outputs}).encode() + bytes(8) + answer.tobytes()
    assert wire.read(body) == [0.25, 0.75]


def test_a_peer_takes_part_where_it_is_asked_in_its_words_and_we_always() -> None:
    names = {workload.key: [name for name, each in CONTESTANTS.items() if each.takes_part(workload)]
             for workload in (SMALL, SMALL_IN_BYTES, HEAVY, SENTIMENT, GARMENTS)}  # fmt: skip
    assert names["A-bytes"] == ["plimsoll", "plain", "mosec", "triton"]
    assert UNPACKED not in names["A"]
    assert UNPACKED in names["B"]
    assert names["T"] == names["P"] == ["plimsoll", "litserve", "bentoml"]
    assert names["A"][:2] == ["plimsoll", INTERPRETED]
    assert all(CONTESTANTS[name].wires.get(JSON) for name in names["A"][2:])
    assert all(CONTESTANTS[name].wires.get(BYTES) for name in names["A-bytes"] if name != "plimsoll")
