from __future__ import annotations

from plimsoll.inference.task_limits import DEFAULT_LIMITS, MOST_INPUT_TOKENS
from plimsoll.settings import load_settings


def test_the_limit_without_settings_is_the_default_of_the_setting() -> None:
    assert DEFAULT_LIMITS.input_tokens == load_settings().max_input_tokens == MOST_INPUT_TOKENS
