"""What the clients of the churn send: mostly sense, some nonsense, and some that they do not wait for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from benchmarks.client import request_bytes
from benchmarks.known_rows import body_of

Leaving = Literal["no", "half-way", "once sent"]
_OK = 200
_LATE = 504
_MOST_ROWS = 32
_LONGEST_TINY_MS = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, the rows that it is about, the version that it insists on, and the statuses that may come back."""

    kind: str
    request: bytes
    allowed: frozenset[int]
    rows: tuple[int, ...] = ()
    pinned: str | None = None
    leaving: Leaving = "no"


class Planner:
    """Draws plans. The same chance gives the same plans."""

    def __init__(self, model: str, versions: Sequence[str], texts: Sequence[str], chance: Random) -> None:
        self._model = model
        self._versions = versions
        self._texts = texts
        self._chance = chance

    def next(self, *, keep: bool) -> Plan:
        """The next request; `keep` asks for the connection to be kept."""
        draw = self._chance.random()
        if draw < 0.06:  # noqa: PLR2004  # six in a hundred
            return self._good("leaves half-way", keep=keep, leaving="half-way")
        if draw < 0.12:  # noqa: PLR2004
            return self._good("leaves once sent", keep=keep, leaving="once sent")
        if draw < 0.20:  # noqa: PLR2004
            return self._good("tiny timeout", keep=keep, timeout=str(self._chance.randint(1, _LONGEST_TINY_MS)))
        if draw < 0.30:  # noqa: PLR2004
            return self._bad(keep=keep)
        return self._good("known rows", keep=keep)

    def _good(self, kind: str, *, keep: bool, leaving: Leaving = "no", timeout: str | None = None) -> Plan:
        chance = self._chance
        count = 1 if chance.random() < 0.6 else chance.randint(2, _MOST_ROWS)  # noqa: PLR2004
        rows = tuple(chance.randrange(len(self._texts)) for _ in range(count))
        texts = [self._texts[row] for row in rows]
        single = count == 1 and chance.random() < 0.8  # noqa: PLR2004
        body = f'{{"features": {texts[0]}}}'.encode() if single else body_of(texts)
        path, headers, pinned = self._way()
        allowed = {_OK}
        if timeout is not None:
            headers["X-Request-Timeout-Ms"] = timeout
            allowed.add(_LATE)
        request = request_bytes("POST", path, body, headers, keep=keep)
        return Plan(kind, request, frozenset(allowed), rows, pinned, leaving)

    def _way(self) -> tuple[str, dict[str, str], str | None]:
        """A path and headers: left to the weights, by user, or pinned by header or path."""
        version = self._chance.choice(self._versions)
        by_weight: list[tuple[str, dict[str, str], str | None]] = [
            ("/v1/predict", {}, None),
            (f"/v1/models/{self._model}/predict", {}, None),
            ("/v1/predict", {"x-plimsoll-user": f"user {self._chance.randrange(50)}"}, None),
        ]
        pinned: list[tuple[str, dict[str, str], str | None]] = [
            ("/v1/predict", {"x-plimsoll-version": version}, version),
            (f"/v1/models/{self._model}/versions/{version}/predict", {}, version),
        ]
        return self._chance.choice([*by_weight, *by_weight, *pinned])

    def _bad(self, *, keep: bool) -> Plan:
        row = self._texts[self._chance.randrange(len(self._texts))]
        good = f'{{"features": {row}}}'
        body, headers, status = self._chance.choice(
            [
                ("", {}, 400),
                (good[:-200], {}, 400),
                ('{"features": [0.5, 0.5]}', {}, 422),
                (good.replace("[", "[7.5, ", 1), {}, 422),
                (f'{{"instances": [{row}, [0.5, 0.5]]}}', {}, 422),
                ('{"features": "seven"}', {}, 422),
                (good, {"Content-Type": "text/plain"}, 415),
                (good, {"Content-Encoding": "gzip"}, 415),
                (good, {"X-Request-Timeout-Ms": "soon"}, 422),
                (good, {"x-plimsoll-version": "77"}, 404),
            ]
        )
        request = request_bytes("POST", "/v1/predict", body.encode(), headers, keep=keep)
        return Plan("bad request", request, frozenset({status}))
