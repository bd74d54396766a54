"""Spans as the collector's file exporter writes them: a line of OTLP JSON for each request that it got."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def spans_in(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Every span, its attributes as a dict, with those of who sent it under `resource`; other lines are passed over."""
    spans: list[dict[str, Any]] = []
    for line in lines:
        if not line.startswith('{"resourceSpans"'):
            continue
        for resource in json.loads(line)["resourceSpans"]:
            shared = _attributes(resource["resource"])
            spans += [
                {**span, "attributes": _attributes(span), "resource": shared}
                for scope in resource["scopeSpans"]
                for span in scope["spans"]
            ]
    return spans


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in holder.get("attributes", [])}
