"""A bundle names a factory, and gets a task with threads of its own, or a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plimsoll.errors import BundleError
from plimsoll.inference.task_threads import BoundTask
from plimsoll.own_task import OwnTask, Setup
from plimsoll.tasks.own_task_binding import bind_own_task

from tests.conftest import MakeBundle
from tests.doubles.bundles import Fields, rewrite_manifest
from tests.doubles.own_tasks import ROW, Letters, ReadsFile, RecordingTask, Undeclared, with_own_task, with_requests


def bound(make_tiny_bundle: MakeBundle, kind: type[OwnTask] = Letters, **options: str) -> BoundTask:
    bundle = with_own_task(make_tiny_bundle(), **options)
    return bind_own_task(bundle, lambda _, setup: kind(setup), RecordingTask())


def refused(make_tiny_bundle: MakeBundle, kind: type[OwnTask], **options: str) -> BundleError:
    with pytest.raises(BundleError) as caught:
        bound(make_tiny_bundle, kind, **options)
    return caught.value


def test_the_factory_gets_options_labels_and_files_and_the_first_golden_row_is_the_example(
    make_tiny_bundle: MakeBundle,
) -> None:
    seen: list[tuple[str, Setup]] = []

    def make(name: str, setup: Setup) -> OwnTask:
        seen.append((name, setup))
        return Letters(setup)

    bundle = with_own_task(make_tiny_bundle(), top=3)
    task, threads = bind_own_task(bundle, make, RecordingTask())
    ((name, setup),) = seen
    assert name == "tests.doubles.own_tasks:Letters"
    assert (dict(setup.options), setup.labels) == ({"top": 3}, {"output": ("a", "b", "c")})
    assert setup.read_file("golden.safetensors") == bundle.read("golden.safetensors")
    assert task.example_row({}) == ROW
    assert threads is not None


@pytest.mark.parametrize(
    ("requests", "example"), [([{"instances": [[1], [2]]}], [1]), ([{"x": 1}], None), (["{"], None)]
)
def test_the_example_is_a_row_of_any_golden_request_if_it_has_one(
    make_tiny_bundle: MakeBundle, requests: list[Any], example: object
) -> None:
    listed = [{"body": each, "predictions": []} for each in requests]
    bundle = with_requests(with_own_task(make_tiny_bundle()), listed)
    task, _ = bind_own_task(bundle, lambda _, setup: Letters(setup), RecordingTask())
    assert task.example_row({}) == example


def test_a_file_is_read_by_its_digest_and_only_if_it_is_listed(make_tiny_bundle: MakeBundle) -> None:
    error = refused(make_tiny_bundle, ReadsFile, file="../../secret")
    assert (error.check, error.message) == (
        "files", "its task reads '../../secret', which 'files' of the manifest does not list",
    )  # fmt: skip
    bundle = with_own_task(make_tiny_bundle(version="2"), file="weights.safetensors")
    Path(bundle.path / "weights.safetensors").write_bytes(b"changed")
    with pytest.raises(BundleError) as caught:
        bind_own_task(bundle, lambda _, setup: ReadsFile(setup), RecordingTask())
    assert caught.value.check == "digest"


@pytest.mark.parametrize(
    ("attribute", "value", "sentence"),
    [
        ("item", "instances", "has an 'item' that is no name of a field"),
        ("item", "A row", "has an 'item' that is no name of a field"),
        ("item", 3, "has an 'item' that is no name of a field"),
        ("row_schema", {"enum": {1, 2}}, "has a 'row_schema' that is no JSON schema"),
        ("row_schema", {"type": "row"}, "has a 'row_schema' whose 'type' is neither one of object, array, string, "),
        ("row_schema", {"type": ["object", 3]}, "has a 'row_schema' whose 'type' is neither one of object, array, s"),
        ("row_schema", {"type": []}, "has a 'row_schema' whose 'type' is neither one of object, array, string, number"),
        ("row_schema", {"type": {"a": 1}}, "has a 'row_schema' whose 'type' is neither one of object, array, string"),
        ("result_schema", [], "has a 'result_schema' that is no JSON schema"),
        ("metric_names", [f"n{each}" for each in range(9)], "has 'metric_names' that are no list of at most 8 names"),
        ("metric_names", "zeros", "has 'metric_names' that are no list of at most 8 names"),
        ("metric_names", ["read"], "has the metric name 'read'; names differ"),
        ("metric_names", ["a", "a"], "has the metric name 'a'; names differ"),
        ("metric_names", ["user 7"], "has the metric name 'user 7'; names differ"),
    ],
)
def test_what_a_task_declares_wrong_is_said(
    make_tiny_bundle: MakeBundle, attribute: str, value: object, sentence: str
) -> None:
    error = refused(make_tiny_bundle, type("Wrong", (Letters,), {attribute: value}))
    assert error.check == "task"
    assert error.message.startswith(f"the task 'tests.doubles.own_tasks:Letters' {sentence}")


def test_only_declared_names_are_counted(make_tiny_bundle: MakeBundle) -> None:
    observer = RecordingTask()
    own: list[OwnTask] = []

    def make(_: str, setup: Setup) -> OwnTask:
        own.append(Undeclared(setup))
        return own[0]

    bind_own_task(with_own_task(make_tiny_bundle()), make, observer)
    own[0].setup.metrics.count("zeros")
    own[0].setup.metrics.observe("zeros", 2)
    assert (observer.names, observer.counted, observer.observed) == (["zeros"], ["zeros"], [("zeros", 2.0)])
    with pytest.raises(ValueError, match="'surprises' is not one of the metric_names of this task, which are: zeros"):
        own[0].read(ROW)


def test_a_task_of_ones_own_without_golden_requests_proves_nothing(make_tiny_bundle: MakeBundle) -> None:
    def without(fields: Fields) -> None:
        del fields["golden"]["requests"]

    bundle = with_own_task(make_tiny_bundle())
    with pytest.raises(BundleError, match="names no 'requests'") as caught:
        rewrite_manifest(bundle, without)
    assert caught.value.check == "manifest"
