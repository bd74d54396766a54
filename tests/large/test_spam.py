"""`spam` on mails that it has not learned from; they are fetched, since they are private mails of people."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.doubles.text_answers import asked
from tests.integration.served_process import ServedProcess
from training.example_bundle import MODELS
from training.f1 import f1_of_class
from training.mails import mails
from training.spam import DATA, LABELS, held_out

LEAST = 0.95


@pytest.mark.timeout(900)
def test_spam_is_as_good_on_held_out_mails_as_its_manifest_says(tmp_path: Path) -> None:
    (tmp_path / "spam").symlink_to(MODELS / "spam")
    rows = held_out(mails(DATA))
    process = ServedProcess(models=tmp_path)
    try:
        process.start()
        with httpx.Client(base_url=process.ready(), timeout=60) as client:
            given = [each["class"] for each in asked(client, "spam", [row.text for row in rows])]
            said = client.get("/v1/models/spam/versions/1").json()["metrics"]["f1"]
    finally:
        process.kill()
    measured = f1_of_class("spam", [LABELS[row.is_spam] for row in rows], given)
    assert measured.value >= LEAST
    assert measured.value == pytest.approx(said["value"], abs=0.002)
    assert {row.folder for row in rows} == {"easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2"}
