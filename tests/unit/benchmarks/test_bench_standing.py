"""Ratios, spreads and what they are taken of; two runs against each other."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.bench.compare import changes, split
from benchmarks.bench.results import DEAD, VARIANT, load, save
from benchmarks.bench.standing import (
    RAW,
    Spread,
    added_ms,
    best_peer,
    capacity,
    kept_goodput,
    quickest_peer,
    ratio,
    ratios,
)
from tests.unit.benchmarks.bench_results import offered, result, showing, workload

OURS = showing({"1": [300, 900, 600], "8": [800, 800, 800]})
SLOW = showing({"1": [100, 100, 100], "8": [100, 100, 100]}, p99=2.0)
FAST = showing({"1": [100, 300, 200], "8": [90, 90, 90]})
SERVERS = workload({"plimsoll": OURS, "slow": SLOW, "fast": FAST}, {"1": [1000, 2000, 4000]})


def test_a_ratio_is_taken_round_by_round() -> None:
    assert ratio([300, 900, 600], [100, 300, 200]) == Spread(3, 3, 3)
    assert str(ratio([10, 30], [10, 10])) == "2.00 (1.00 to 3.00)"


def test_a_server_that_answered_nothing_in_a_round_leaves_an_infinite_ratio() -> None:
    assert ratio([300, 900], [0, 300]).high == math.inf
    assert ratio([300, 900], [0, 300]).low == 3


def test_the_best_peer_is_found_for_each_number_of_connections_and_is_never_us() -> None:
    assert best_peer(SERVERS, "plimsoll", "1") == "fast"
    assert best_peer(SERVERS, "plimsoll", "8") == "slow"
    assert best_peer(workload({"plimsoll": OURS}), "plimsoll", "1") is None


def test_the_capacity_is_the_best_median_over_all_connections() -> None:
    assert capacity(FAST) == 200


def test_every_peer_and_torch_alone_have_a_ratio_where_both_were_measured() -> None:
    found = {(connections, name): spread.median for connections, name, spread in ratios(SERVERS, "plimsoll")}
    assert found == {
        ("1", "slow"): 6,
        ("1", "fast"): 3,
        ("1", RAW): 0.3,
        ("8", "slow"): 8,
        ("8", "fast"): pytest.approx(800 / 90),
    }


def test_what_is_no_longer_maintained_and_other_forms_of_us_are_never_the_best_peer() -> None:
    fastest = showing({"1": [9000, 9000, 9000]}, DEAD)
    variant = showing({"1": [8000, 8000, 8000]}, VARIANT)
    found = workload({"plimsoll": OURS, "torchserve": fastest, "plimsoll-unpacked": variant, "slow": SLOW})
    assert best_peer(found, "plimsoll", "1") == "slow"
    assert {name for _, name, _ in ratios(found, "plimsoll")} == {"torchserve", "plimsoll-unpacked", "slow"}


def test_the_quickest_peer_has_the_lowest_tail_and_need_not_be_the_fastest() -> None:
    assert quickest_peer(SERVERS, "plimsoll", "1") == "slow"
    assert best_peer(SERVERS, "plimsoll", "1") == "fast"


def test_goodput_in_overload_is_a_share_of_the_most_that_was_reached() -> None:
    server = showing({})
    server.overload = [offered(1, 80), offered(2, 100), offered(3, 95)]
    assert kept_goodput(server, 3) == 0.95


def test_a_point_that_the_generator_could_not_send_is_not_judged() -> None:
    server = showing({})
    server.overload = [offered(1, 80), offered(3, 5, lag_ms=500)]
    assert kept_goodput(server, 3) is None
    assert kept_goodput(showing({}), 3) is None


def test_what_the_path_adds_is_the_median_latency_less_the_forward() -> None:
    added = added_ms(SERVERS, "plimsoll")
    assert added is not None
    assert (added.median, added.low, added.high) == pytest.approx((0.5, 0, 0.75))


def test_a_ratio_that_falls_beyond_both_spreads_is_a_regression_however_fast_the_machine_is() -> None:
    before = result(A=SERVERS)
    half = showing({"1": [1500, 4500, 3000], "8": [8000, 8000, 8000]})
    faster_machine = showing({"1": [1000, 3000, 2000], "8": [900, 900, 900]})
    now = result(A=workload({"plimsoll": half, "fast": faster_machine}))
    found = {(change.connections, change.peer): change.regressed for change in changes(before, now)}
    assert found == {("1", "fast"): True, ("8", "fast"): False}


def test_a_ratio_within_the_spread_of_before_or_a_little_below_holds() -> None:
    wide = result(A=workload({"plimsoll": showing({"1": [200, 300, 400]}), "fast": showing({"1": [100, 100, 100]})}))
    low = result(A=workload({"plimsoll": showing({"1": [150, 210, 190]}), "fast": showing({"1": [100, 100, 100]})}))
    exact = result(A=workload({"plimsoll": showing({"1": [300, 300, 300]}), "fast": showing({"1": [100, 100, 100]})}))
    little = result(A=workload({"plimsoll": showing({"1": [290, 291, 290]}), "fast": showing({"1": [100, 100, 100]})}))
    assert not any(
        change.regressed for before, now in ((wide, low), (exact, little)) for change in changes(before, now)
    )


def test_the_newest_committed_result_is_compared_with_the_newest_that_is_not() -> None:
    found = [Path(f"bench-2026-01-0{day}-1200.json") for day in range(1, 6)]
    assert split(found, found[:3]) == (found[2], found[4])
    assert split(found[:3], found[:3]) == (found[2], None)
    assert split(found[3:], []) == (None, found[4])


def test_a_result_is_read_as_it_was_written_and_none_is_overwritten(tmp_path: Path) -> None:
    first, second = (save(result(A=SERVERS), tmp_path, "bench-2026") for _ in range(2))
    assert (first.name, second.name) == ("bench-2026.json", "bench-2026-2.json")
    assert load(first) == result(A=SERVERS)


def test_a_result_of_another_format_is_refused(tmp_path: Path) -> None:
    path = save(result(A=SERVERS), tmp_path, "bench")
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(ValueError, match="format 2"):
        load(path)
