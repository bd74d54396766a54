"""Rows whose answers are known, and far enough apart that a wrong one is seen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.client import Address, Answer, Connection, request_bytes
from benchmarks.server import REPOSITORY

TOLERANCE = 1e-4
_APART = 1e-3
"""How far answers to two rows, or of two versions to one row, lie apart at least: ten times the tolerance."""
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class KnownRows:
    """Rows as JSON text, and the probabilities that each version gives them, [rows, classes]."""

    texts: tuple[str, ...]
    expected: Mapping[str, NDArray[np.float64]]

    def agrees(self, answer: Answer, rows: Sequence[int], pinned: str | None) -> bool:
        """Whether an answer is what the version that it names gives for these rows, and that version the pinned one."""
        version = answer.headers.get("x-plimsoll-version", "")
        document = json.loads(answer.body)
        if version not in self.expected or document["version"] != version or pinned not in (None, version):
            return False
        given = np.array([prediction["probabilities"] for prediction in document["predictions"]])
        expected = self.expected[version][list(rows)]
        return given.shape == expected.shape and bool(np.abs(given - expected).max() <= TOLERANCE)


async def ask_for_known_rows(address: Address, model: str, versions: Sequence[str]) -> KnownRows:
    """Held-out digits with the answers of each version, asked by path; only rows whose answers cannot be confused."""
    pixels = np.load(REPOSITORY / "training" / "digits-heldout.npz")["pixels"] / 255
    texts = await asyncio.to_thread(lambda: [json.dumps(row.tolist()) for row in pixels])
    expected = {}
    async with Connection(address) as connection:
        for version in versions:
            path = f"/v1/models/{model}/versions/{version}/predict"
            parts = []
            for start in range(0, len(texts), _AT_ONCE):
                body = body_of(texts[start : start + _AT_ONCE])
                answer = await connection.ask(request_bytes("POST", path, body))
                parts += [each["probabilities"] for each in json.loads(answer.body)["predictions"]]
            expected[version] = np.array(parts)
    kept = distinct_rows(list(expected.values()), _APART)
    return KnownRows(tuple(texts[row] for row in kept), {version: all_[kept] for version, all_ in expected.items()})


def body_of(texts: Sequence[str]) -> bytes:
    """A body of many rows, also where it is one."""
    return f'{{"instances": [{",".join(texts)}]}}'.encode()


def distinct_rows(answers: Sequence[NDArray[Any]], apart: float) -> list[int]:
    """Rows, of answers [rows, classes] of several versions, among which all answers differ by more than `apart`.

    Greedy, in rising order.
    """
    kept: list[int] = []
    taken: list[NDArray[Any]] = []
    for row in range(len(answers[0])):
        mine: list[NDArray[Any]] = []
        for version in answers:
            others = [*taken, *mine]
            if others and np.abs(np.array(others) - version[row]).max(axis=1).min() <= apart:
                break
            mine.append(version[row])
        else:
            kept.append(row)
            taken += mine
    return kept
