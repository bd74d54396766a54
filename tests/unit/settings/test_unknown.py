"""Variables that look like settings and have no effect."""

from __future__ import annotations

from pathlib import Path

import pytest
from plimsoll.settings import load_settings, setting_remarks
from plimsoll.settings.unknown import unknown_variables

KNOWN = ["PLIMSOLL_PORT", "PLIMSOLL_MAX_BODY_BYTES", "PLIMSOLL_INLINE_BUDGET_MS"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("PLIMSOLL_MAX_BODY_BYTS", "did you mean PLIMSOLL_MAX_BODY_BYTES?"),
        ("PLIMSOLL_INLINE_BUDGTE_MS", "did you mean PLIMSOLL_INLINE_BUDGET_MS?"),
        ("plimsoll_max_body_byte", "did you mean PLIMSOLL_MAX_BODY_BYTES?"),
        ("PLIMSOLL_ZZZZZZ", "PLIMSOLL_ZZZZZZ is not a setting and has no effect"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_setting(name: str, sentence: str) -> None:
    (remark,) = unknown_variables([name, *KNOWN, "OTHER"], KNOWN, "PLIMSOLL_")
    assert remark.endswith(sentence)


@pytest.mark.parametrize(
    "name",
    [
        "PLIMSOLL_SERVICE_HOST", "PLIMSOLL_SERVICE_PORT", "PLIMSOLL_SERVICE_PORT_HTTP", "PLIMSOLL_PORT_8000_TCP",
        "PLIMSOLL_PORT_8000_TCP_ADDR", "PLIMSOLL_PORT_8000_TCP_PORT", "PLIMSOLL_PORT_8000_TCP_PROTO",
        "PLIMSOLL_CANARY_SERVICE_HOST", "PLIMSOLL_CANARY_PORT", "PLIMSOLL_STABLE_PORT_8000_TCP_ADDR",
    ],
)  # fmt: skip
def test_what_kubernetes_injects_for_a_service_is_no_mistake(name: str) -> None:
    assert unknown_variables([name], KNOWN, "PLIMSOLL_") == []


def test_remarks_come_from_the_environment_and_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "plimsoll_keys_fil").write_text("x")
    monkeypatch.setattr("plimsoll.settings.SECRETS_FOLDER", tmp_path / "secrets")
    Path(".env").write_text("PLIMSOLL_LOG_LEVL=debug\nOTHER=1\n")
    monkeypatch.setenv("PLIMSOLL_PROT", "1")
    remarks = setting_remarks(load_settings())
    assert [remark.split()[0] for remark in remarks] == ["PLIMSOLL_KEYS_FIL", "PLIMSOLL_LOG_LEVL", "PLIMSOLL_PROT"]
    assert [remark.split()[-1] for remark in remarks] == [
        "PLIMSOLL_KEYS_FILE?", "PLIMSOLL_LOG_LEVEL?", "PLIMSOLL_PORT?",
    ]  # fmt: skip
