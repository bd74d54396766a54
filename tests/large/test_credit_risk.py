"""credit-risk on loans that it has not seen; their data have no licence to be passed on, and are fetched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plimsoll.application import Application
from plimsoll.bundle.folder import open_bundle
from plimsoll.settings import load_settings

from tests.integration.conftest import REPOSITORY, running
from training.bootstrap import area_under_curve, figure_of
from training.credit_risk import LABELS, load_loans, split_loans

MODELS = REPOSITORY / "examples" / "models"
FLOOR = 0.80
DESIRED_STATE = 'models:\n- name: credit-risk\n  versions: [{version: "1"}]\n'


async def test_credit_risk_is_as_good_on_unseen_loans_as_its_manifest_says(tmp_path: Path) -> None:
    _, unseen = split_loans(load_loans(REPOSITORY / "training" / "data"))
    desired = tmp_path / "desired-state.yaml"
    desired.write_text(DESIRED_STATE)
    scores: list[float] = []
    async with running(Application(load_settings(models_dir=MODELS, desired_state=desired))) as client:
        for start in range(0, len(unseen.rows), 100):
            reply = await client.post(
                "/v1/models/credit-risk/predict", json={"instances": unseen.rows[start : start + 100]}
            )
            assert reply.status_code == 200, reply.text
            scores += [each["probabilities"][LABELS.index("bad")] for each in reply.json()["predictions"]]
    measured = figure_of(area_under_curve, unseen.bad, np.array(scores))
    published = open_bundle(MODELS / "credit-risk" / "1").manifest.metrics["area under the curve"]
    assert [measured.value, measured.low, measured.high] == pytest.approx(
        [published.value, published.low, published.high], abs=2e-3
    )
    assert measured.rows == published.rows
    assert measured.value >= FLOOR
