from __future__ import annotations

from pathlib import Path

import pytest
from plimsoll.settings import Settings

from tests.unit.cli.conftest import RunPlimsoll


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Settings]]:
    """Which server was started with which settings; none really is."""
    started: list[tuple[str, Settings]] = []
    monkeypatch.setattr("plimsoll.server.uvicorn_server.serve_alone", lambda each: started.append(("alone", each)))
    monkeypatch.setattr(
        "plimsoll.server.gunicorn_server.serve_with_workers", lambda each: started.append(("workers", each))
    )
    return started


def test_one_process_serves_alone_and_several_under_gunicorn(
    plimsoll: RunPlimsoll, served: list[tuple[str, Settings]]
) -> None:
    assert plimsoll("serve").code == 0
    assert plimsoll("serve", "--workers", "3").code == 0
    assert [(how, settings.workers) for how, settings in served] == [("alone", 1), ("workers", 3)]


def test_the_command_line_wins_over_the_environment(
    plimsoll: RunPlimsoll, served: list[tuple[str, Settings]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLIMSOLL_PORT", "9000")
    monkeypatch.setenv("PLIMSOLL_HOST", "::1")
    plimsoll("serve", "--port", "0", "--models", "elsewhere")
    (_, settings) = served[0]
    assert (settings.port, settings.host, settings.models_dir) == (0, "::1", Path("elsewhere"))


@pytest.mark.parametrize(
    ("settings", "starts"),
    [
        ({"HOST": "0.0.0.0"}, False),  # noqa: S104  # nothing listens here
        ({"HOST": "0.0.0.0", "ALLOW_ANONYMOUS": "true"}, True),  # noqa: S104  # nor here
        ({"HOST": "example.org"}, False),
        ({"HOST": "localhost"}, True),
        ({"ADMIN_HOST": "0.0.0.0"}, True),  # noqa: S104  # without a desired state there is no admin API
        ({"ADMIN_HOST": "0.0.0.0", "DESIRED_STATE": "d.yaml", "ALLOW_ANONYMOUS": "true"}, False),  # noqa: S104
        ({"HOST": "0.0.0.0", "ADMIN_HOST": "::", "DESIRED_STATE": "d.yaml", "KEYS_FILE": "k.yaml"}, True),  # noqa: S104
    ],
)
def test_what_others_reach_has_keys_or_starts_only_where_that_is_allowed(
    plimsoll: RunPlimsoll,
    served: list[tuple[str, Settings]],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    *,
    starts: bool,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"PLIMSOLL_{name}", value)
    Path("k.yaml").write_text("keys: []")
    ran = plimsoll("serve")
    assert (len(served), ran.code) == ((1, 0) if starts else (0, 2))
    assert ("PLIMSOLL_KEYS_FILE" in ran.err) == (not starts)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "70000"], "PLIMSOLL_PORT: Input should be less than or equal to 65535 (given: 70000)"),
        (["--workers", "0"], "PLIMSOLL_WORKERS: Input should be greater than or equal to 1 (given: 0)"),
    ],
)
def test_a_value_that_cannot_be_used_is_exit_code_2_and_starts_nothing(
    plimsoll: RunPlimsoll, served: list[tuple[str, Settings]], arguments: list[str], sentence: str
) -> None:
    ran = plimsoll("serve", *arguments)
    assert ran.code == 2
    assert ran.err == f"error: {sentence}\n"
    assert served == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_key_file_that_cannot_be_used_is_one_sentence_before_anything_starts(
    plimsoll: RunPlimsoll, served: list[tuple[str, Settings]], monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    Path("k.yaml").write_text("keys: [\n")
    monkeypatch.setenv("PLIMSOLL_KEYS_FILE", "k.yaml")
    monkeypatch.setenv("PLIMSOLL_WORKERS", workers)
    ran = plimsoll("serve")
    assert (served, ran.code) == ([], 2)
    assert "the key file k.yaml is not YAML" in ran.complaint
