"""Reads the options that say what a canary is: values below `canary`, and nothing else of the release."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
import yaml

from plimsoll.rollout.release_values import Values, at, overlay

_MOST_BYTES = 1 << 20
_DRIVEN = ("mode", "weight")
_PATH = re.compile(r"canary(\.[A-Za-z0-9_-]+)+")
_EXAMPLE = "such as --set canary.replicas=2"


@dataclass(frozen=True, slots=True)
class CanaryOptions:
    """The options as they are given."""

    model_version: str | None = None
    model_config_map: str | None = None
    image_repository: str | None = None
    image_tag: str | None = None
    image_digest: str | None = None
    files: Sequence[Path] = ()
    typed: Sequence[str] = ()
    texts: Sequence[str] = ()


def read_canary(options: CanaryOptions) -> Values:
    """The values below `canary` that the options give; a later kind of option wins, as with helm.

    Raises:
        typer.BadParameter: an option names another value of the release, or one that the driver sets itself.
    """
    values: dict[str, Any] = {}
    for file in options.files:
        values = overlay(values, _file(file))
    for each in options.typed:
        values = overlay(values, _setting(each, "--set", typed=True))
    for each in options.texts:
        values = overlay(values, _setting(each, "--set-string", typed=False))
    for path, given in (
        ("model.version", options.model_version),
        ("model.configMap.name", options.model_config_map),
        ("image.repository", options.image_repository),
        ("image.tag", options.image_tag),
        ("image.digest", options.image_digest),
    ):
        if given is not None:
            values = overlay(values, _nested(path.split("."), given))
    for name in _DRIVEN:
        if name in values:
            raise typer.BadParameter(f"canary.{name} is set by the rollout itself; leave it out (--mode, --weights)")
    pods = at(values, "replicas", 1)
    if isinstance(pods, bool) or not isinstance(pods, int) or pods < 1:
        raise typer.BadParameter(f"canary.replicas is {pods!r}; expected a whole number of 1 or more")
    return values


def _file(path: Path) -> Values:
    try:
        with path.open("rb") as stream:
            text = stream.read(_MOST_BYTES + 1)
        found = yaml.safe_load(text[:_MOST_BYTES]) if len(text) <= _MOST_BYTES else None
    except (OSError, yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--values {path} cannot be read: {error}") from None
    if not isinstance(found, dict) or set(found) != {"canary"} or not isinstance(found["canary"], dict):
        raise typer.BadParameter(
            f"--values {path} should be YAML with the one key `canary`, because a rollout changes nothing else"
        )
    return dict(found["canary"])


def _setting(given: str, option: str, *, typed: bool) -> Values:
    path, equals, written = given.partition("=")
    if not equals or not _PATH.fullmatch(path):
        raise typer.BadParameter(
            f"{option} {given}: expected canary.NAME=VALUE, {_EXAMPLE}; for lists and names with dots use --values"
        )
    return _nested(path.split(".")[1:], _typed(written) if typed else written)


def _typed(written: str) -> Any:  # noqa: ANN401  # a number, a switch, nothing or a text, as helm reads it
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        return written
    return value if value is None or isinstance(value, bool | int) else written


def _nested(names: Sequence[str], value: Any) -> dict[str, Any]:  # noqa: ANN401  # a value of any kind
    for name in reversed(names):
        value = {name: value}
    return dict(value)
