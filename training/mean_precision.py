"""Mean average precision of detected boxes, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.scene_canvas import Scene, overlap

METHOD = "mAP at an overlap of 0.5 over 20 classes; 95 % interval by 400 bootstrap samples of scenes"
_LEAST_OVERLAP = 0.5
_SAMPLES = 400


@dataclass(frozen=True)
class Found:
    """The objects that a model found in one scene."""

    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class _Judged:
    """Of one class in one scene: the score of each found object, whether it is right, and how many there are."""

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    there: int


def mean_precision(scenes: Sequence[Scene], found: Sequence[Found], classes: int) -> float:
    """The mean average precision at an overlap of 0.5.

    The area under the whole curve of precision against recall, where precision never rises again (as in VOC 2010).
    """
    return _mean(_judged(scenes, found, classes), np.arange(len(scenes)), classes)


def precision_interval(scenes: Sequence[Scene], found: Sequence[Found], classes: int) -> tuple[float, float]:
    """The ends of the 95 % interval of the mean average precision."""
    judged, rows, random = _judged(scenes, found, classes), np.arange(len(scenes)), np.random.default_rng(0)
    drawn = [_mean(judged, random.choice(rows, len(rows)), classes) for _ in range(_SAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _judged(scenes: Sequence[Scene], found: Sequence[Found], classes: int) -> list[list[_Judged]]:
    return [[_judge(scene, one, label) for label in range(classes)] for scene, one in zip(scenes, found, strict=True)]


def _judge(scene: Scene, found: Found, label: int) -> _Judged:
    """Each true box is found at most once, by the best-scored box that overlaps it most."""
    truth = scene.boxes[scene.labels == label]
    mine = found.labels == label
    boxes, scores = found.boxes[mine], found.scores[mine]
    order = np.argsort(-scores, kind="stable")
    right = np.zeros(len(order), np.bool_)
    if len(truth):
        overlaps = overlap(boxes.reshape(-1, 4), truth)
        taken = np.zeros(len(truth), np.bool_)
        for place, row in enumerate(order):
            best = int(overlaps[row].argmax())
            if overlaps[row, best] >= _LEAST_OVERLAP and not taken[best]:
                taken[best] = right[place] = True
    return _Judged(scores[order], right, len(truth))


def _mean(judged: Sequence[Sequence[_Judged]], rows: NDArray[np.intp], classes: int) -> float:
    precisions = [_average_precision([judged[row][label] for row in rows]) for label in range(classes)]
    return float(np.mean([each for each in precisions if each is not None]))


def _average_precision(scenes: Sequence[_Judged]) -> float | None:
    there = sum(each.there for each in scenes)
    if not there:
        return None
    scores = np.concatenate([each.scores for each in scenes])
    right = np.concatenate([each.right for each in scenes])[np.argsort(-scores, kind="stable")]
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1] if len(precision) else precision
    return float((falling * right).sum() / there)
