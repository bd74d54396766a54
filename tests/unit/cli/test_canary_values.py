from __future__ import annotations

from pathlib import Path

import pytest
import typer
from plimsoll.cli.canary_values import CanaryOptions, read_canary


def test_each_kind_of_option_is_laid_over_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "canary.yaml"
    file.write_text("canary: {replicas: 2, model: {version: '1'}, resources: {limits: {cpu: 1}}}")
    options = CanaryOptions(
        model_version="3",
        image_tag="9",
        files=[file],
        typed=["canary.replicas=3", "canary.resources.limits.cpu=500m"],
        texts=["canary.model.version=2"],
    )
    assert read_canary(options) == {
        "replicas": 3,
        "model": {"version": "3"},
        "image": {"tag": "9"},
        "resources": {"limits": {"cpu": "500m"}},
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (CanaryOptions(typed=["replicas=3"]), "expected canary.NAME=VALUE"),
        (CanaryOptions(typed=["canary.replicas"]), "expected canary.NAME=VALUE"),
        (CanaryOptions(texts=["canary.a[0]=x"]), "for lists and names with dots use --values"),
        (CanaryOptions(typed=["canary.weight=50"]), "canary.weight is set by the rollout itself"),
        (CanaryOptions(texts=["canary.mode=none"]), "canary.mode is set by the rollout itself"),
        (CanaryOptions(typed=["canary.replicas=0"]), "expected a whole number of 1 or more"),
        (CanaryOptions(texts=["canary.replicas=2"]), "expected a whole number of 1 or more"),
        (CanaryOptions(files=[Path("/nowhere.yaml")]), "cannot be read"),
    ],
)
def test_everything_else_is_refused(options: CanaryOptions, sentence: str) -> None:
    with pytest.raises(typer.BadParameter, match=sentence.replace("[", r"\[")):
        read_canary(options)


@pytest.mark.parametrize(
    "text", ["replicas: 2", "canary: {}\nreplicas: 3", "canary: 3", "- x", "{", "canary: [", "\xff"]
)
def test_a_file_may_only_hold_values_of_the_canary(tmp_path: Path, text: str) -> None:
    file = tmp_path / "canary.yaml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(typer.BadParameter, match=r"--values .*canary\.yaml"):
        read_canary(CanaryOptions(files=[file]))
