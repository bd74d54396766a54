from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.tasks.box_suppression import MOST_CANDIDATES, Thresholds, choose_boxes

USUAL = Thresholds(0.25, 0.5, 100)
BOX = (0.0, 0.0, 10.0, 10.0)
NEAR = (1.0, 0.0, 11.0, 10.0)  # overlaps by 9 / 11
FAR = (5.0, 0.0, 15.0, 10.0)  # overlaps by 5 / 15


def chosen(
    boxes: Sequence[tuple[float, ...]], scores: Sequence[list[float]], thresholds: Thresholds = USUAL
) -> list[object]:
    found = choose_boxes(np.array(boxes, np.float32), np.array(scores, np.float32), thresholds)
    return [
        (tuple(box), label, round(sure, 3))
        for box, label, sure in zip(found.boxes.tolist(), found.classes.tolist(), found.confidences, strict=True)
    ]


def test_of_boxes_around_one_object_the_surest_is_kept() -> None:
    assert chosen([BOX, NEAR, FAR], [[0.6], [0.9], [0.3]]) == [(NEAR, 0, 0.9), (FAR, 0, 0.3)]


def test_boxes_of_two_classes_do_not_suppress_each_other() -> None:
    assert chosen([BOX, NEAR], [[0.6, 0], [0, 0.9]]) == [(NEAR, 1, 0.9), (BOX, 0, 0.6)]


def test_boxes_of_two_classes_suppress_each_other_where_an_object_has_one_name() -> None:
    assert chosen([BOX, NEAR], [[0.6, 0.5], [0, 0.9]], Thresholds(0.25, 0.5, 100, across_classes=True)) == [
        (NEAR, 1, 0.9)
    ]


def test_one_box_may_stand_for_two_classes() -> None:
    assert chosen([BOX], [[0.6, 0.4]]) == [(BOX, 0, 0.6), (BOX, 1, 0.4)]


def test_a_box_that_was_suppressed_suppresses_no_other() -> None:
    boxes = [(0.0, 0, 10, 10), (3.0, 0, 13, 10), (6.0, 0, 16, 10)]  # neighbours overlap by 7 / 13, the ends by 4 / 16
    assert [each[0] for each in chosen(boxes, [[0.9], [0.8], [0.7]])] == [boxes[0], boxes[2]]  # type: ignore[index]


def test_thresholds_bound_what_is_kept() -> None:
    scores = [[0.6], [0.9], [0.3]]
    assert len(chosen([BOX, NEAR, FAR], scores, Thresholds(0.25, 0.9, 100))) == 3
    assert len(chosen([BOX, NEAR, FAR], scores, Thresholds(0.7, 0.9, 100))) == 1
    assert len(chosen([BOX, NEAR, FAR], scores, Thresholds(0, 1, 2))) == 2


def test_without_candidates_or_area_there_is_no_box() -> None:
    assert chosen([BOX], [[0.1]]) == []
    assert chosen([(3, 3, 3, 9), (9, 9, 2, 2)], [[0.9], [0.9]]) == []


def test_the_candidates_are_bounded() -> None:
    boxes = [(float(each), 0.0, each + 0.5, 1.0) for each in range(2 * MOST_CANDIDATES)]
    assert len(chosen(boxes, [[0.5]] * len(boxes), Thresholds(0, 0.5, 1000))) == MOST_CANDIDATES


@given(
    st.lists(st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 30)] * 2), min_size=1, max_size=20),
    st.floats(0, 1),
)
def test_kept_boxes_do_not_overlap_and_each_other_one_is_beaten_by_one_of_them(
    given_boxes: list[tuple[int, int, int, int]], most: float
) -> None:
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in given_boxes], np.float64)
    scores = np.linspace(0.9, 0.3, len(boxes))[:, None]
    kept = [
        boxes.tolist().index(box) for box in choose_boxes(boxes, scores, Thresholds(0.25, most, 100)).boxes.tolist()
    ]

    def overlap(one: int, other: int) -> float:
        low, high = np.maximum(boxes[one, :2], boxes[other, :2]), np.minimum(boxes[one, 2:], boxes[other, 2:])
        shared = float(np.clip(high - low, 0, None).prod())
        areas = [float((boxes[each, 2:] - boxes[each, :2]).prod()) for each in (one, other)]
        return shared / (sum(areas) - shared)

    assert all(overlap(one, other) <= most for one in kept for other in kept if one != other)
    for place in range(len(boxes)):
        same = boxes.tolist().index(boxes[place].tolist())
        assert same in kept or any(overlap(place, each) > most for each in kept if each < place)
