"""The commands that load the factbook and measure the search, with a small package of the same form."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.semantic_search.search_process import SearchProcess, command

LONG = "The river carries ships, and the ships carry grain, ore and oil to the harbours of the coast. " * 2


def country(name: str, **fields: str) -> dict[str, Any]:
    """The file of a country, with texts by the names of their fields."""
    names = {"conventional short form": {"text": name}, "conventional long form": {"text": f"Republic of {name}"}}
    texts = {field: {"text": text} for field, text in fields.items()}
    return {"Introduction": texts, "Government": {"Country name": names}}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Three files of countries, of which one names no country, and files that are none."""
    files = {
        "europe/aa.json": country("Aland", Background=f"Aland Background {LONG}", Short="too short"),
        "europe/bb.json": country("none", Climate=f"Republic of none Climate {LONG}"),
        "oceans/xo.json": {"Geography": {"Climate": {"text": f"ocean {LONG}"}, "Map": {"text": None}}},
        "meta/categories.json": {"Geography": {"text": LONG}},
    }
    path = tmp_path / "factbook.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def test_the_factbook_is_loaded_and_measured(on_sqlite: SearchProcess, package: Path) -> None:
    for _ in range(2):  # the second run replaces what the first has added
        loaded = command("load-factbook", str(package), "--url", on_sqlite.url, "--batch", "2")
        assert (loaded.returncode, loaded.stderr) == (0, "2 of 3 passages\n3 of 3 passages\n"), loaded.stderr
    ocean = on_sqlite.client.get("/documents/xo.geography.climate").json()
    assert ocean["text"] == f"Indian Ocean: ocean {LONG}"
    assert ocean["metadata"] == {"country": "Indian Ocean", "section": "Geography", "field": "Climate"}
    assert {each["id"] for each in on_sqlite.search("ships", filter={"section": "Introduction"})} == {
        "aa.introduction.background", "bb.introduction.climate"
    }  # fmt: skip
    measured = command("measure-factbook", str(package), "--url", on_sqlite.url, "--count", "2")
    report = json.loads(measured.stdout)
    assert report["queries"] == 2
    assert 0 < report["mrr_low"] <= report["mrr"] <= report["mrr_high"] <= 1
    assert report["recall_at_10"] >= report["recall_at_1"]


def test_a_service_that_refuses_ends_the_command_with_a_sentence(on_sqlite: SearchProcess, package: Path) -> None:
    ended = command("load-factbook", str(package), "--url", f"{on_sqlite.url}/nowhere")
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert "/documents answers 404" in ended.stderr
