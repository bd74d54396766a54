"""Chooses the boxes that stand for objects: those of enough confidence, and one of several around the same object."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_CANDIDATES = 300
"""The surest boxes of one picture that are compared with each other."""


class Thresholds(NamedTuple):
    """The least confidence of a box, the most overlap of two boxes of one class, and the most boxes of a picture.

    With `across_classes` the overlap is that of boxes of any classes, so that no object has two names.
    """

    least_confidence: float
    most_overlap: float
    most_objects: int
    across_classes: bool = False


class Chosen(NamedTuple):
    """The boxes of one picture, [objects, 4], the surest first, with the place of its class and its confidence."""

    boxes: NDArray[np.float64]
    classes: NDArray[np.intp]
    confidences: NDArray[np.float64]


def choose_boxes(boxes: NDArray[Any], scores: NDArray[Any], thresholds: Thresholds) -> Chosen:
    """The boxes of one picture that are kept, of boxes [candidates, 4] and scores [candidates, classes].

    Boxes have left, top, right and bottom. One without an area is dropped. Of two boxes of one class that overlap by
    more than the threshold, measured by intersection over union, the surer one is kept.
    """
    rows, classes = np.nonzero(scores >= thresholds.least_confidence)
    sure = scores[rows, classes].astype(np.float64)
    order = np.argsort(-sure, kind="stable")
    order = order[(boxes[rows[order], 2:] > boxes[rows[order], :2]).all(axis=1)][:MOST_CANDIDATES]
    rows, classes, sure = rows[order], classes[order], sure[order]
    candidates = boxes[rows].astype(np.float64)
    rivals = _overlaps(candidates) > thresholds.most_overlap
    if not thresholds.across_classes:
        rivals &= classes[:, None] == classes[None, :]
    kept: list[int] = []
    beaten = np.zeros(len(rows), np.bool_)
    for place in range(len(rows)):
        if not beaten[place]:
            kept.append(place)
            if len(kept) == thresholds.most_objects:
                break
            beaten |= rivals[place]
    return Chosen(candidates[kept], classes[kept], sure[kept])


def _overlaps(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The intersection over the union of each two boxes, all of which have an area."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.asarray(shared / (areas[:, None] + areas[None, :] - shared))
