from __future__ import annotations

import asyncio
import threading

import pytest
from plimsoll.errors import BundleError, OutOfDeviceMemory
from plimsoll.runtime.foreign_code import foreign_code


class Panic(BaseException):
    """As a library in Rust raises it."""


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit("no text")


def raised_from(error: BaseException) -> BundleError:
    with pytest.raises(BundleError) as caught, foreign_code("golden", "the model fails"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        ValueError("at /srv/secret"), SystemExit("at /srv/secret"), GeneratorExit("at /srv/secret"),
        Panic("at /srv/secret"), StopIteration("at /srv/secret"), StopAsyncIteration("at /srv/secret"),
        asyncio.CancelledError("at /srv/secret"), MemoryError("at /srv/secret"), TimeoutError("at /srv/secret"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_is_raised_fails_the_check_and_its_words_stay_apart(error: BaseException) -> None:
    raised = raised_from(error)
    assert raised.check == "golden"
    assert raised.message == f"the model fails: it raised {type(error).__name__}"
    assert raised.detail == "at /srv/secret"
    assert str(raised) == f"{raised.message}: at /srv/secret"
    assert raised.__cause__ is error


def test_an_error_of_ours_keeps_its_sentence() -> None:
    assert raised_from(OutOfDeviceMemory("one row does not fit")).message == "the model fails: one row does not fit"
    own = BundleError("signature", "the model gives two outputs")
    assert raised_from(own) is own


def test_an_error_without_text_and_a_long_one_are_told_in_bounds() -> None:
    assert raised_from(Unprintable()).detail == "the error has no text that can be read"
    assert len(raised_from(ValueError("x" * 100_000)).detail) == 2000
    assert raised_from(ValueError("one\ntwo")).detail == "one two"


def test_ctrl_c_ends_a_command_and_a_model_that_raises_it_in_a_load_does_not() -> None:
    with pytest.raises(KeyboardInterrupt), foreign_code("golden", "the model fails"):
        raise KeyboardInterrupt
    told: list[BundleError] = []
    thread = threading.Thread(target=lambda: told.append(raised_from(KeyboardInterrupt())))
    thread.start()
    thread.join(60)
    assert told[0].message == "the model fails: it raised KeyboardInterrupt"
