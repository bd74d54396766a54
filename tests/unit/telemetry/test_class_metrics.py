"""The answered predictions of each class: counted once, late and together."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.inference.payloads import Classes, Datatype, PieceReport, Scores, Signature, TensorSpec
from plimsoll.inference.ports import Outcome
from plimsoll.tasks.tabular_classification import TabularClassification
from plimsoll.telemetry.inference_observer import InferenceObserver
from plimsoll.telemetry.metric_catalog import MetricCatalog
from prometheus_client import CollectorRegistry

from tests.unit.eventually import eventually

LABELS = ("cat", "dog", 7)
DTYPES: dict[Datatype, type[np.floating[Any]]] = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64}
ROWS = st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=1, max_size=4)


def classes_of(labels: tuple[str | int, ...], datatype: Datatype = "FP32", threshold: float | None = None) -> Classes:
    """The classes of a classifier with these labels."""
    shape = (-1, len(labels)) if threshold is None else (-1,)
    output = TensorSpec("y", datatype, shape, labels=labels, threshold=threshold)
    classes = TabularClassification(Signature((TensorSpec("x", "FP32", (-1, 2)),), (output,))).classes
    assert classes is not None
    return classes


def answered(classes: Classes, rows: Sequence[object], status: int = 200, version: str = "1") -> Outcome:
    """The end of a request whose rows got these scores."""
    scores = Scores(classes, np.array(rows, np.float32))
    return Outcome("v1", "pets", version, status, 0.01, scores=scores)


class Counted:
    """An observer of some versions, and the predictions that were counted by label."""

    def __init__(self, *, traced: bool = False, many_processes: bool = False) -> None:
        self.registry = CollectorRegistry()
        self.catalog = MetricCatalog(self.registry, 0.1, many_processes=many_processes)
        self.observer = InferenceObserver(self.catalog, trace_id=(lambda: "a" * 32) if traced else None)

    def finish(self, *outcomes: Outcome) -> None:
        """End requests."""
        for outcome in outcomes:
            self.observer.request_started()
            self.observer.request_finished(outcome)

    def unread(self, label: str) -> float:
        """The count of a label as it is, without a scrape."""
        value: float = self.catalog.classes.predictions.labels("pets", "1", label)._value.get()  # noqa: SLF001
        return value

    def by_label(self, version: str = "1") -> dict[str, float]:
        """The counts in a scrape."""
        return {
            sample.labels["class"]: sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == "plimsoll_predictions_total" and sample.labels["version"] == version
        }


def test_a_version_that_is_ready_has_a_series_for_each_label() -> None:
    counted = Counted()
    counted.observer.version_ready("pets", "1", classes_of(LABELS))
    counted.observer.version_ready("prices", "1", None)
    assert counted.by_label() == {"cat": 0, "dog": 0, "7": 0}


@given(st.lists(st.tuples(st.sampled_from("12"), ROWS), max_size=300))
def test_each_row_counts_once_for_the_first_of_its_best_labels(
    answers: list[tuple[str, list[tuple[int, ...]]]],
) -> None:
    counted, classes = Counted(), {version: classes_of(LABELS) for version in "12"}
    expected = {version: Counter[str]() for version in "12"}
    for version, rows in answers:
        counted.finish(answered(classes[version], rows, version=version))
        expected[version].update(str(LABELS[row.index(max(row))]) for row in rows)
    assert {version: counted.by_label(version) for version in "12"} == expected


@pytest.mark.parametrize("datatype", DTYPES)
def test_one_score_a_row_counts_by_its_threshold(datatype: Datatype) -> None:
    counted, classes = Counted(), classes_of(("no", "yes"), datatype, threshold=0.7)
    values = np.array([0.7, 0.69, 0.71, 1, 0], DTYPES[datatype])
    counted.finish(Outcome("v1", "pets", "1", 200, 0.01, scores=Scores(classes, values)))
    assert counted.by_label() == {"no": 2, "yes": 3}


def test_a_row_with_a_score_that_is_not_a_number_has_no_class() -> None:
    counted = Counted()
    rows = [(0, 1, 0), (np.nan, 1, 0), (0, 0, np.nan), (0, np.inf, 0), (-np.inf, -np.inf, -1)]
    counted.finish(answered(classes_of(LABELS), rows))
    assert counted.by_label() == {"dog": 2, "7": 1}
    single = Counted()
    single.finish(answered(classes_of(("no", "yes"), threshold=0.5), [np.nan, 0.75]))
    assert single.by_label() == {"yes": 1}


@pytest.mark.parametrize("status", [413, 499, 500, 504])
def test_an_answer_that_failed_after_the_model_had_run_is_not_counted(status: int) -> None:
    counted = Counted()
    counted.finish(answered(classes_of(LABELS), [(1, 0, 0)], status))
    assert counted.by_label() == {}


def test_the_rows_of_a_stream_count_one_by_one_and_its_end_counts_none() -> None:
    counted, classes = Counted(), classes_of(LABELS)
    scores = Scores(classes, np.array([(0, 0, 1)], np.float32))
    counted.observer.request_started()
    for failed in (False, True, False):
        piece = PieceReport("pets", "1", 0.1, first=False, failed=failed, scores=None if failed else scores)
        counted.observer.piece_streamed(piece)
    counted.observer.request_finished(Outcome("v1-stream", "pets", "1", 504, 1.0, "deadline_exceeded", streamed=True))
    assert counted.by_label() == {"7": 2}


def test_a_traced_answer_is_counted_at_once() -> None:
    counted = Counted(traced=True)
    counted.finish(*[answered(classes_of(LABELS), [(1, 0, 0)])] * 3)
    assert counted.unread("cat") == 3
    assert counted.by_label() == {"cat": 3}


def test_answers_of_a_version_before_and_after_it_was_loaded_with_other_labels_are_both_right() -> None:
    counted = Counted()
    old, new = classes_of(LABELS), classes_of(("dog", "cat"))
    counted.finish(answered(old, [(1, 0, 0)]), answered(new, [(1, 0)]), answered(old, [(0, 0, 1)]))
    assert counted.by_label() == {"cat": 1, "dog": 1, "7": 1}


async def test_other_processes_see_an_answer_within_a_moment() -> None:
    counted = Counted(many_processes=True)
    counted.finish(answered(classes_of(LABELS), [(0, 1, 0)]))
    await eventually(lambda: counted.unread("dog") == 1)


def test_threads_that_scrape_at_once_count_nothing_twice_or_never() -> None:
    counted, classes = Counted(), classes_of(LABELS)
    stop = threading.Event()

    def scrape() -> None:
        while not stop.is_set():
            counted.by_label()

    scrapers = [threading.Thread(target=scrape) for _ in range(3)]
    for scraper in scrapers:
        scraper.start()
    for number in range(3000):
        counted.finish(answered(classes, [np.eye(3)[number % 3]] * 2))
    stop.set()
    for scraper in scrapers:
        scraper.join(60)
    assert counted.by_label() == {"cat": 2000, "dog": 2000, "7": 2000}
