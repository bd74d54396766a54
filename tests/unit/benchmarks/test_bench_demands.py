"""Floors and aims, and what of them a run has shown."""

from __future__ import annotations

from benchmarks.bench.demands import BEFORE, NOT_MEASURED, UNPACKED, demands, missed
from benchmarks.bench.results import DEAD, OURS, VARIANT, Result
from benchmarks.bench.standing import Spread
from tests.unit.benchmarks.bench_results import offered, result, scenario, showing, workload


def verdicts(run: Result) -> dict[str, str]:
    return {demand.what: demand.verdict for demand in demands(run)}


def test_a_ratio_reaches_its_aim_its_floor_or_neither_and_the_dead_peer_is_no_reference() -> None:
    ours = showing({"1": [500], "8": [250], "64": [105]})
    servers = {"plimsoll": ours, "mosec": showing({"1": [100], "8": [100], "64": [100]})}
    servers["torchserve"] = showing({"1": [9000], "8": [9000], "64": [9000]}, DEAD)
    found = verdicts(result(A=workload(servers)))
    of_speed = "requests/s against the best living peer"
    assert [found[f"A, c = {each}: {of_speed}"] for each in (1, 8, 64, 128)] == ["aim", "floor", "MISSED", NOT_MEASURED]


def test_tails_and_costs_are_bounded_from_above() -> None:
    ours = showing({"64": [100], "128": [100]}, p99=2.0, cpu=200)
    servers = {"plimsoll": ours, "mosec": showing({"64": [90], "128": [90]}, p99=1.9)}
    servers[BEFORE] = showing({"64": [90], "128": [90]}, VARIANT, cpu=400)
    found = verdicts(result(A=workload(servers)))
    assert found["A, c = 64: p99 against the living peer with the lowest"] == "MISSED"
    assert found["A, c = 64: server CPU per request against the commit before, by turns"] == "floor"
    assert found["A, c = 128: server CPU per request against the commit before, by turns"] == "floor"
    assert found["A, c = 128 against c = 64: p99"] == "aim"
    assert found["A, c = 128 against c = 64: requests/s"] == "aim"


def test_the_heavy_model_is_compared_with_and_without_packing_and_with_its_runtime_alone() -> None:
    servers = {"plimsoll": showing({"64": [200]}, OURS), UNPACKED: showing({"64": [110]}, VARIANT)}
    servers["torchserve"] = showing({"64": [300]}, DEAD)
    heavy = workload({**servers, "mosec": showing({"64": [100]})})
    heavy.raw_onnx = {"64": [220]}
    ratios = {demand.what: demand.measured for demand in demands(result(B=heavy))}
    assert ratios["B, same weights, not packed, c = 64: requests/s against the best living peer"] == Spread(
        1.1, 1.1, 1.1
    )
    found = verdicts(result(B=heavy))
    assert found["B, as it comes, c = 64: requests/s against the best living peer"] == "floor"
    assert found["B, same weights, not packed, c = 64: requests/s against the best living peer"] == "MISSED"
    limit = "B, c = 64: requests/s against ONNX Runtime alone on one core, batches of as many rows"
    assert found[limit] == "below the aim"


def test_rates_and_goodput_are_judged_where_both_were_measured() -> None:
    ours, mosec = showing({}), showing({})
    ours.scenario, mosec.scenario = scenario(300), scenario(100)
    ours.overload = [offered(1, 100), offered(3, 95)]
    run = result(A=workload({"plimsoll": ours, "mosec": mosec}))
    found = verdicts(run)
    rate = "Poisson arrivals: the most requests/s with p99 under"
    assert found[f"A, {rate} 20 ms against the best living peer"] == "aim"
    assert found["A: goodput at 3 times the peak, as a share of the most"] == "floor"
    assert found[f"B, {rate} against the best living peer"] == NOT_MEASURED
    assert missed(run) == []


def test_a_goal_that_no_peer_reaches_at_any_rate_is_told_and_not_counted() -> None:
    ours, mosec = showing({}), showing({})
    ours.scenario, mosec.scenario = scenario(300), scenario(0)
    cells = [demand.cells() for demand in demands(result(A=workload({"plimsoll": ours, "mosec": mosec})))]
    assert any("no living peer meets it at any rate; ours at 300/s" in cell for row in cells for cell in row)
