from __future__ import annotations

from pathlib import Path

import pytest
import typer
from plimsoll.cli.bundle_folders import folder_of_bundles


@pytest.mark.parametrize(
    "written",
    ["models/tiny/1", "models/tiny/1/", "models/tiny/1/files/..", "models/tiny/../tiny/./1", "x/../models/tiny/1"],
)
def test_the_folder_of_bundles_is_two_above_however_the_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder_of_bundles(Path(written)) == tmp_path / "models"
    (tmp_path / "models" / "tiny" / "1").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "models" / "tiny" / "1")
    assert folder_of_bundles(Path()) == tmp_path / "models"
    assert folder_of_bundles(Path("../1")) == tmp_path / "models"


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "1").mkdir(parents=True)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").symlink_to(tmp_path / "elsewhere")
    assert folder_of_bundles(tmp_path / "models" / "tiny" / "1") == tmp_path / "models"


@pytest.mark.parametrize("path", ["/", "/1", "/tiny/.."])
def test_a_path_without_such_a_folder_is_refused(path: str) -> None:
    with pytest.raises(typer.BadParameter, match="NAME/VERSION in a folder of bundles"):
        folder_of_bundles(Path(path))
