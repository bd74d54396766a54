"""The service as a whole gives every body the answer that a plain reference gives it; see `tests/differential`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from starlette.types import ASGIApp

from tests.differential.cases import Case, listed_cases
from tests.differential.comparison import Difference, compare
from tests.differential.generation import check_cases
from tests.differential.mutants import MUTANTS
from tests.differential.pair import Pair, ask, running_pair

CASES = 10_000


class NoneLeft(Exception):
    """Every mutant has been found out."""


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all cases."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def pair(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The service and its reference, as they are."""
    stack = AsyncExitStack()
    yield runner.run(stack.enter_async_context(running_pair(tmp_path_factory.mktemp("models"))))
    runner.run(stack.aclose())


def test_every_body_gets_the_answer_of_the_reference(runner: asyncio.Runner, pair: Pair) -> None:
    pair.seen.clear()
    loop = runner.get_loop()
    check_cases(lambda case: loop.run_until_complete(pair.check(case)), CASES)
    assert sum(pair.seen.values()) >= CASES
    for status in ("200", "400", "413", "415", "422"):
        assert pair.seen[status] > CASES / 100, f"hardly any case is answered {status}: {pair.seen}"
    assert pair.seen["200"] > CASES / 4, f"few cases are answered at all: {pair.seen}"


def test_every_spelling_and_header_that_is_listed_gets_the_answer_of_the_reference(
    runner: asyncio.Runner, pair: Pair
) -> None:
    async def check_all() -> None:
        for case in listed_cases():
            await pair.check(case)

    runner.run(check_all())


def test_a_front_that_is_wrong_in_one_way_is_found_out(runner: asyncio.Runner, pair: Pair) -> None:
    alive = {name: mutate(pair.ours) for name, mutate in MUTANTS.items()}

    async def ask_all(case: Case) -> None:
        reference = await ask(pair.reference, case)
        for name, mutant in list(alive.items()):
            try:
                compare(case, await ask(mutant, case), reference)
            except Difference:
                del alive[name]

    def check(case: Case) -> None:
        runner.get_loop().run_until_complete(ask_all(case))
        if not alive:
            raise NoneLeft

    with contextlib.suppress(NoneLeft):
        check_cases(check, CASES, shrink=False)
    assert list(alive) == []


def test_the_mutants_are_wrong_by_their_mutation_alone(runner: asyncio.Runner, pair: Pair) -> None:
    async def through(mutant: ASGIApp) -> None:
        case = Case("/v1/predict", b'{"features": [-1, 0.5, 0.25]}')
        compare(case, await ask(mutant, case), await ask(pair.reference, case))

    for mutate in MUTANTS.values():
        runner.run(through(mutate(pair.ours)))


LONG = b"9" * 4301
ONCE_WRONG = {
    "an integer of more than 4300 digits in a row of many": b'{"instances": [[0, 0, 0], [0, ' + LONG + b", 0]]}",
    "an integer of more than 4300 digits in a row": b'{"features": [0, ' + LONG + b", 0]}",
    "an integer of more than 4300 digits, and then no JSON": b'{"features": [0, ' + LONG,
    "a form feed": b"\x0c",
    "a vertical tab among blanks": b" \x0b\n",
}


@pytest.mark.parametrize("body", ONCE_WRONG.values(), ids=ONCE_WRONG)
def test_what_was_answered_wrongly_before_this_test_found_it(runner: asyncio.Runner, pair: Pair, body: bytes) -> None:
    case = Case("/v1/predict", body)

    async def check() -> None:
        compare(case, await ask(pair.ours, case), await ask(pair.reference, case))

    runner.run(check())
