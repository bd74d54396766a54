"""Requests to every model of the zoo at once, each answer checked."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import httpx
import numpy as np

from benchmarks.client import Address, Answer, Connection, request_bytes
from tests.zoo.enclosure import Enclosure
from tests.zoo.served_right import answers
from tests.zoo.served_right_models import GUILTY, Good, Row

_CLIENTS_OF_A_MODEL = 6
_GUILTY_SHARE = 0.15
_MOST_ROWS = 5
_REQUESTS_BETWEEN_RELOADS = 150
_TOLERANCE = 1e-4


@dataclass
class Tally:
    """What came back. `wrong` tells of every answer that should not have been, in one line each."""

    innocent: Counter[int] = field(default_factory=Counter)
    guilty: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many there were."""
        return self.innocent.total() + self.guilty.total()

    @property
    def share_answered(self) -> float:
        """Of the innocent requests."""
        return self.innocent[httpx.codes.OK] / max(1, self.innocent.total())


@dataclass(frozen=True)
class Question:
    """Some rows for a model. `guilty` are the places of those that it fails on."""

    rows: list[Row]
    guilty: list[int]
    single: bool

    def body(self) -> bytes:
        """The request's JSON."""
        return json.dumps({"features": self.rows[0]} if self.single else {"instances": self.rows}).encode()


class Traffic:
    """Keeps several clients of every model busy, until so many requests have been answered in all."""

    def __init__(self, enclosure: Enclosure, url: str, seed: int = 0) -> None:
        parsed = httpx.URL(url)
        self._address = Address(parsed.host, parsed.port or 0)
        self._enclosure = enclosure
        self._chance = Random(seed)  # noqa: S311  # not for secrets
        self._numbers = count()

    async def run(self, requests: int) -> Tally:
        """Ask, and reload a model from time to time."""
        tally = Tally()
        async with asyncio.TaskGroup() as clients:
            for kind, model in self._enclosure.models.items():
                for _ in range(_CLIENTS_OF_A_MODEL):
                    clients.create_task(self._client(kind, model, requests, tally))
        return tally

    async def _client(self, kind: str, model: Good, requests: int, tally: Tally) -> None:
        async with Connection(self._address) as connection:
            while (number := next(self._numbers)) < requests:
                if number % _REQUESTS_BETWEEN_RELOADS == _REQUESTS_BETWEEN_RELOADS - 1:
                    self._enclosure.reload(self._chance.choice(list(self._enclosure.models)))
                question = self._draw(model)
                try:
                    answer = await connection.ask(request_bytes("POST", f"/v1/models/{kind}/predict", question.body()))
                except (OSError, EOFError) as error:
                    tally.wrong.append(f"{kind}, {question}: no answer, {error!r}")
                    return
                (tally.guilty if question.guilty else tally.innocent)[answer.status] += 1
                if fault := _fault(model, question, answer):
                    tally.wrong.append(f"{kind}, {question}: {fault}")

    def _draw(self, model: Good) -> Question:
        chance = self._chance
        rows = [model.draw(chance) for _ in range(chance.choice([1, 1, chance.randint(2, _MOST_ROWS)]))]
        guilty: list[int] = []
        if model.fails_on_guilty and chance.random() < _GUILTY_SHARE:
            guilty = [chance.randrange(len(rows))]
            rows[guilty[0]][0] = GUILTY
        return Question(rows, guilty, single=len(rows) == 1 and chance.random() < 0.5)


def _fault(model: Good, question: Question, answer: Answer) -> str | None:
    """What is wrong with an answer; a request that was refused in good order is not answered wrongly."""
    try:
        content: Mapping[str, Any] = json.loads(answer.body)
    except ValueError:
        return f"{answer.status} {answer.body!r}"
    if question.guilty:
        error = content.get("error", {})
        index = question.guilty[0] if len(question.rows) > 1 else None
        if (answer.status, error.get("code"), error.get("index")) == (500, "model_failed", index):
            return None if "secret" not in error["message"] else f"it tells the words of the model: {error}"
    elif answer.status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
        return None
    elif answer.status == httpx.codes.OK:
        given = [prediction["probabilities"] for prediction in content["predictions"]]
        if np.allclose(given, answers(model, question.rows), atol=_TOLERANCE):
            return None
    return f"{answer.status} {content}"
