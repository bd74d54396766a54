"""docs/bring-your-model.md, run as it stands; its image is built and asked in tests/e2e."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from tests.doubles.own_model import PREDICT, SERVE, make_own_bundle, run_block
from tests.integration.served_process import ServedProcess


def test_the_page_works_as_it_stands(tmp_path: Path) -> None:
    folder = make_own_bundle(tmp_path)
    forbidden = ServedProcess(models=folder / "models")
    allowed = ServedProcess(models=folder / "models")
    try:
        forbidden.start(PYTHONPATH=str(folder))
        forbidden.wait_for_log("check 'format' failed.*Add it to PLIMSOLL_FACTORIES")
        assert "PLIMSOLL_FACTORIES=ourmodels:linear plimsoll serve --models models" in SERVE
        allowed.start(PYTHONPATH=str(folder), PLIMSOLL_FACTORIES="ourmodels:linear")
        url = allowed.ready()
        answer = json.loads(run_block(f"{PREDICT.strip()} --url {url}", folder))
        assert (answer["model"], answer["predictions"][0]["class"]) == ("letters", 7)
        assert httpx.get(forbidden.url + "/readyz").status_code == 503
    finally:
        forbidden.kill()
        allowed.kill()
