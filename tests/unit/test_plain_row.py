"""The way of one plain row, counted: how many of our own calls it takes, through how many files."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import plimsoll
from plimsoll.api.ask import Ask

from tests.conftest import MakeBundle
from tests.doubles.asgi import Exchange, http_scope
from tests.unit.services import running

MOST_CALLS, MOST_FILES = 60, 15
BODY = b'{"features": [0.1, 0.2, 0.3, 0.4]}'
HEADERS = {"content-type": "application/json", "content-length": str(len(BODY)), "accept": "*/*", "host": "localhost"}
PACKAGE = Path(plimsoll.__file__).parent
NOT_OURS = {"runtime/pytorch/architectures", "runtime/pytorch/direct_layers.py"}
"""A model is its maker's, and so is the number of its layers."""


class Way:
    """Counts calls from the handler of a front until its reply is handed over; comprehensions are no calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self._on = False

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(str(PACKAGE)):
            return
        if code is Ask.__call__.__code__ and frame.f_lasti < FIRST_TURN:
            self._on = True
        elif code.co_name == "send_with_headers":
            self._on = False
        file = Path(code.co_filename).relative_to(PACKAGE).as_posix()
        resumed = frame.f_lasti >= FIRST_TURN  # a coroutine goes on after an await
        if self._on and not resumed and code.co_name[0] != "<" and not file.startswith(tuple(NOT_OURS)):
            self.calls.append((file, code.co_qualname))


FIRST_TURN = 20
"""No function of ours awaits within its first ten instructions."""


async def test_a_plain_row_takes_few_calls_through_few_files(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()
    async with running(tmp_path, access_log_per_second=0, inline_budget_ms=1000.0) as (application, _):
        for _ in range(3):
            await Exchange(application.asgi, http_scope("/v1/predict", "POST", HEADERS), [BODY]).run()
        way = Way()
        exchange = Exchange(application.asgi, http_scope("/v1/predict", "POST", HEADERS), [BODY])
        before = sys.getprofile()
        sys.setprofile(way)
        try:
            await exchange.run()
        finally:
            sys.setprofile(before)
    assert exchange.status == 200
    listed = "\n".join(f"{file}: {name}" for file, name in way.calls)
    assert 30 < len(way.calls) <= MOST_CALLS, listed
    assert len({file for file, _ in way.calls}) <= MOST_FILES, listed
