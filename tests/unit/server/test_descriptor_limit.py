"""The limit of descriptors is raised as far as the system lets it be."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest
from plimsoll.server.descriptor_limit import raise_descriptor_limit


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """The soft and the hard limit of this process, which are as they were afterwards."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_becomes_the_hard_one(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))
    assert raise_descriptor_limit() == hard
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


@pytest.mark.parametrize("refusal", [OSError(22, "Invalid argument"), ValueError("not allowed to raise it")])
def test_where_the_system_refuses_the_soft_limit_stays(
    limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise refusal

    with monkeypatch.context() as patched:
        patched.setattr(resource, "setrlimit", refuse)
        assert raise_descriptor_limit() == limits[0]
