"""A complaint is one sentence on standard error, word for word."""

from __future__ import annotations

import pytest
from plimsoll.cli.complaint import complain


@pytest.mark.parametrize("sentence", ["it is broken", "in [bold]words[/bold]", "a 100% {odd} \\ one", "größer"])
def test_a_sentence_is_written_as_it_is(capsys: pytest.CaptureFixture[str], sentence: str) -> None:
    complain(sentence)
    assert capsys.readouterr() == ("", f"error: {sentence}\n")
