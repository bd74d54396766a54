"""The chart's values as tables: what values.yaml says of each, and its default."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_CHART = Path(__file__).parents[2] / "charts" / "plimsoll"
_SECTION = re.compile(r"# (?P<title>\S.*?) -{3,}$")
_KEY = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z][A-Za-z0-9-]*):")
_STEP = 2


@dataclass
class Value:
    """One key of values.yaml; `comment` is what stands above it."""

    path: tuple[str, ...]
    comment: str


@dataclass
class Section:
    """What stands under one heading of values.yaml; `comment` belongs to the heading."""

    title: str
    values: list[Value] = field(default_factory=list)


def markdown_tables() -> str:
    """A table for every section of values.yaml, in its order."""
    defaults = yaml.safe_load((_CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((_CHART / "values.schema.json").read_text(encoding="utf-8"))
    parts = []
    for section in _sections((_CHART / "values.yaml").read_text(encoding="utf-8")):
        parents = {value.path[:length] for value in section.values for length in range(1, len(value.path))}
        rows = [f"### {section.title}", "", "| value | default | meaning |", "|---|---|---|"]
        for value in section.values:
            is_parent = value.path in parents
            meaning = value.comment or ("" if is_parent else _described(schema, value.path))
            if meaning:
                default = "" if is_parent else f"`{_shown(_at(defaults, value.path))}`"
                rows.append(f"| `{'.'.join(value.path)}` | {default} | {meaning.replace('|', chr(92) + '|')} |")
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def _sections(text: str) -> Iterator[Section]:
    section = Section("")
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if heading := _SECTION.fullmatch(line):
            if section.values:
                yield section
            section, comment = Section(heading["title"]), []
        elif line.lstrip().startswith("#"):
            comment.append(line.strip().removeprefix("#").strip())
        elif key := _KEY.match(line):
            path = [*path[: len(key["indent"]) // _STEP], key["name"]]
            section.values.append(Value(tuple(path), " ".join(comment)))
            comment = []
        else:
            comment = []
    yield section


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def _described(schema: Any, path: tuple[str, ...]) -> str:
    for name in path:
        schema = schema.get("properties", {}).get(name) or schema["additionalProperties"]
    return str(schema["description"])


def _shown(default: Any) -> str:
    return json.dumps(default, ensure_ascii=False)
