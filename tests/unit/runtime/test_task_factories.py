"""Factories of tasks are foreign code: only allowed ones are called, and nothing that they do ends more than a load."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from plimsoll.errors import BundleError
from plimsoll.own_task import Setup
from plimsoll.runtime.task_factories import TaskFactories

from tests.doubles.own_tasks import PRIVATE, Letters

DOUBLES = "tests.doubles.own_tasks"


def refused(name: str) -> BundleError:
    with pytest.raises(BundleError) as caught:
        TaskFactories((name,))(name, Setup())
    assert caught.value.check == "task"
    return caught.value


def test_an_allowed_factory_makes_a_task() -> None:
    setup = Setup(options={"a": 1})
    own = TaskFactories((f"{DOUBLES}:Letters",))(f"{DOUBLES}:Letters", setup)
    assert isinstance(own, Letters)
    assert own.setup is setup


def test_nothing_of_a_package_that_is_not_allowed_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hostile_task.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BundleError) as caught:
        TaskFactories(("other:Task",))("hostile_task:Task", Setup())
    assert caught.value.check == "task"
    assert "Add it to PLIMSOLL_FACTORIES if you trust it; allowed now: other:Task" in caught.value.message
    assert "hostile_task" not in sys.modules


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_such_package:Task", "the task 'no_such_package:Task' cannot be imported: it raised ModuleNotFoundError"),
        (f"{DOUBLES}:Missing", f"the task '{DOUBLES}:Missing' cannot be imported: it raised AttributeError"),
        (f"{DOUBLES}:raises", f"the factory of the task '{DOUBLES}:raises' fails: it raised FileNotFoundError"),
        (f"{DOUBLES}:OwnTask", f"the factory of the task '{DOUBLES}:OwnTask' fails: it raised TypeError"),
        (
            f"{DOUBLES}:returns_text",
            (
                f"the factory of the task '{DOUBLES}:returns_text' returns an object of the type str; a "
                "plimsoll.own_task.OwnTask is expected"
            ),
        ),
    ],
)
def test_each_fault_has_its_own_sentence(name: str, sentence: str) -> None:
    error = refused(name)
    assert error.message == sentence
    assert PRIVATE not in error.message
    assert (PRIVATE in error.detail) == name.endswith("raises")
