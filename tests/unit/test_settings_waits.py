"""How long a request may wait for others to share its batch."""

from __future__ import annotations

import pytest
from plimsoll.settings import SettingsError, load_settings


@pytest.mark.parametrize(("wait_ms", "refused"), [(900, True), (100, True), (99.9, False), (0, False)])
def test_a_wait_for_company_that_is_as_long_as_the_objective_is_refused(*, wait_ms: float, refused: bool) -> None:
    if refused:
        with pytest.raises(SettingsError) as caught:
            load_settings(max_wait_ms=wait_ms, objective_ms=100)
        assert caught.value.message == (
            f"PLIMSOLL_MAX_WAIT_MS, {wait_ms:g}, is not less than PLIMSOLL_OBJECTIVE_MS, 100, so the wait alone "
            "uses up the latency objective; lower the wait or raise the objective"
        )
    else:
        assert load_settings(max_wait_ms=wait_ms, objective_ms=100).max_wait_ms == wait_ms
