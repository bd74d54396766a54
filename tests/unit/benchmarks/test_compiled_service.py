"""The benches measure the compiled service, and never one of other sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.server import compiled


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("service", "build/compiled"):
        (tmp_path / folder / "plimsoll" / "server").mkdir(parents=True)
        (tmp_path / folder / "plimsoll" / "server" / "exchange.py").write_text("MOST = 1\n")
    return tmp_path


def test_a_compiled_service_of_the_same_sources_is_taken(checkout: Path) -> None:
    assert compiled(checkout) == checkout / "build" / "compiled"


@pytest.mark.parametrize("change", ["changed", "new"])
def test_one_of_other_sources_is_refused(checkout: Path, change: str) -> None:
    name = "exchange.py" if change == "changed" else "another.py"
    (checkout / "service" / "plimsoll" / "server" / name).write_text("MOST = 2\n")
    with pytest.raises(RuntimeError, match="make compiled"):
        compiled(checkout)


def test_without_one_the_sources_are_measured(tmp_path: Path) -> None:
    (tmp_path / "service" / "plimsoll").mkdir(parents=True)
    (tmp_path / "service" / "plimsoll" / "errors.py").write_text("")
    assert not compiled(tmp_path).exists()
