"""How many threads one forward pass gets, and how long a request may wait for others to share its batch."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from plimsoll.settings import SettingsError, load_settings
from plimsoll.settings.serving import cpu_quota


@pytest.mark.parametrize(
    ("chosen", "threads"),
    [
        ({"cpus": 1}, 1),
        ({"cpus": 4}, 4),
        ({"cpus": 4, "workers": 2}, 2),
        ({"cpus": 3, "workers": 2}, 1),
        ({"cpus": 1, "workers": 4}, 1),
        ({"cpus": 8, "workers": 2, "torch_threads": 3}, 3),
    ],
)
def test_the_threads_of_a_forward_pass_follow_cpus_and_workers(chosen: dict[str, int], threads: int) -> None:
    assert load_settings(**chosen).forward_threads == threads


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux tells the cores that a process may run on")
def test_without_a_word_the_cores_that_the_process_may_run_on_count() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert load_settings().forward_threads == 1
    finally:
        os.sched_setaffinity(0, before)
    assert load_settings().forward_threads == len(before)


@pytest.mark.parametrize(
    ("groups", "files", "cpus"),
    [
        ("0::/pod/container", {"pod/container/cpu.max": "50000 100000"}, 0.5),
        ("0::/pod/container", {"pod/container/cpu.max": "max 100000", "pod/cpu.max": "250000 100000"}, 2.5),
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/somewhere/on/the/host", {"cpu.max": "100000 100000"}, 1.0),
        ("0::/pod", {"pod/cpu.max": "max 100000"}, math.inf),
        ("0::/pod", {}, math.inf),
        (
            "5:memory:/pod\n3:cpu,cpuacct:/pod",
            {"cpu,cpuacct/pod/cpu.cfs_quota_us": "75000", "cpu,cpuacct/pod/cpu.cfs_period_us": "50000"},
            1.5,
        ),
        ("3:cpu:/pod\n0::/", {"cpu/pod/cpu.cfs_quota_us": "-1", "cpu/pod/cpu.cfs_period_us": "50000"}, math.inf),
        ("3:cpu:/pod\n0::/", {"cpu/pod/cpu.cfs_quota_us": "many", "cpu/pod/cpu.cfs_period_us": "0"}, math.inf),
        ("nonsense", {}, math.inf),
    ],
)
def test_the_quota_of_the_cgroup_counts(tmp_path: Path, groups: str, files: dict[str, str], cpus: float) -> None:
    (tmp_path / "cgroup").write_text(groups)
    for name, text in files.items():
        file = tmp_path / "sys" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert cpu_quota(tmp_path, tmp_path / "sys") == cpus


def test_a_process_without_cgroups_has_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path, tmp_path) == math.inf


@pytest.mark.parametrize(("quota", "threads"), [(0.1, 1), (0.5, 1), (1.0, 1), (1.2, 2), (1000.0, None)])
def test_a_quota_is_rounded_up_and_adds_no_cpu(
    monkeypatch: pytest.MonkeyPatch, quota: float, threads: int | None
) -> None:
    monkeypatch.setattr("plimsoll.settings.serving.cpu_quota", lambda: quota)
    mine = len(os.sched_getaffinity(0))
    assert load_settings().forward_threads == min(threads or mine, mine)


@pytest.mark.parametrize(("wait_ms", "refused"), [(900, True), (100, True), (99.9, False), (0, False)])
def test_a_wait_for_company_that_is_as_long_as_the_objective_is_refused(*, wait_ms: float, refused: bool) -> None:
    if refused:
        with pytest.raises(SettingsError) as caught:
            load_settings(max_wait_ms=wait_ms, objective_ms=100)
        assert caught.value.message == (
            f"PLIMSOLL_MAX_WAIT_MS, {wait_ms:g}, is not less than PLIMSOLL_OBJECTIVE_MS, 100, so the wait alone "
            "uses up the latency objective; lower the wait or raise the objective"
        )
    else:
        assert load_settings(max_wait_ms=wait_ms, objective_ms=100).max_wait_ms == wait_ms
