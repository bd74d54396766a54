"""The cap of connections stays below the limit of descriptors."""

from __future__ import annotations

import resource

import pytest
from plimsoll.server.descriptors import connections_that_fit


@pytest.mark.parametrize(
    ("limit", "wanted", "fit"),
    [(64, 1024, 16), (256, 1024, 64), (1024, 1024, 832), (1 << 20, 1024, 1024), (64, 8, 8), (-1, 1024, 1024)],
)
def test_so_many_fit(
    limit: int, wanted: int, fit: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert connections_that_fit(wanted) == fit
    assert [str(limit) in record.getMessage() for record in caplog.records] == [True] * (fit < wanted)
