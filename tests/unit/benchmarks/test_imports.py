from __future__ import annotations

from benchmarks.imports import Imported, Share, by_package, dearest, imported, not_needed

LOG = """import time: self [us] | cumulative | imported package
import time:       120 |        120 |   numpy.ma
import time:        40 |        160 | numpy
{"level": "INFO", "message": "import time: 7 | 7 | none"}
"""


def test_a_log_tells_each_module_and_the_time_of_its_own_code() -> None:
    assert imported(LOG) == [Imported("numpy.ma", 120), Imported("numpy", 40)]


def test_the_modules_of_a_package_count_together_in_its_fastest_round() -> None:
    rounds = [[Imported("a", 5), Imported("a.b", 6), Imported("c", 1)], [Imported("a", 4), Imported("a.b", 5)]]
    assert by_package(rounds) == {"a": Share(2, 9), "c": Share(1, 1)}


def test_what_is_not_needed_is_found_by_itself_and_by_its_parts() -> None:
    modules = ["numpy", "numpy.ma.core", "opentelemetry.trace", "gunicorn", "gunicorn.app", "richer"]
    assert not_needed(modules) == {"numpy.ma", "gunicorn"}


def test_the_dearest_package_of_either_side_stands_first() -> None:
    before, after = {"a": Share(1, 5), "b": Share(2, 900)}, {"a": Share(1, 7)}
    assert dearest(before, after) == [("b", Share(2, 900), Share(0, 0)), ("a", Share(1, 5), Share(1, 7))]
    assert str(Share(2, 900)) == "2 modules, 1 ms"
    assert str(Share(0, 0)) == "not imported"
