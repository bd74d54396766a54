from __future__ import annotations

import pytest
from plimsoll.errors import BundleError
from plimsoll.runtime.onnx.session_faults import RUNTIME, session_faults


def fault(words: str) -> BundleError:
    with pytest.raises(BundleError) as caught, session_faults("m.onnx"):
        raise RuntimeError(words)
    return caught.value


def test_nothing_happens_to_a_block_that_passes() -> None:
    with session_faults("m.onnx"):
        pass


def test_words_that_are_not_known_become_a_general_sentence() -> None:
    error = fault("the frobnicator is out of order, see /home/somebody")
    assert (error.check, error.message) == ("weights", f"{RUNTIME} cannot open m.onnx: it raised RuntimeError")
    assert error.detail == "the frobnicator is out of order, see /home/somebody"


def test_known_words_become_our_own() -> None:
    error = fault("Unsupported model IR version: 99, max supported IR version: 14 in /home/somebody")
    assert error.check == "format"
    assert error.message.startswith(f"m.onnx is of IR version 99, and {RUNTIME} reads up to 14; ")
    assert "somebody" not in str(error)


def test_a_name_from_the_file_is_cut_where_it_is_long() -> None:
    assert fault(f"No Op registered for {'a' * 1000} with domain_version of 3").check == "weights"
    assert "'" + "a" * 64 + "'" in fault(f"No Op registered for {'a' * 64} with domain_version of 3").message
