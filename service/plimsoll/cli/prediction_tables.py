"""Prints the answer of a predict request for people."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from plimsoll.cli.answering import Answer, Facts

_MOST_ROWS = 100
_MOST_CLASSES = 5
_MOST_NUMBERS = 4
_MOST_COMPARED = 8
_BAR = 24
_LONGEST = 60
_LONGEST_COMPARED = 36
_STYLES = ("bold cyan", "bold magenta", "bold green", "bold yellow", "bold blue", "bold red")


def print_answer(console: Console, answer: Answer, places: Sequence[str], facts: Facts) -> None:
    """Print the predictions, the remarks on them, and the version that gave them.

    `places` are words for each row, and empty where there are none.
    """
    predictions = answer["predictions"]
    shown = predictions[:_MOST_ROWS]
    names = list(places[: len(shown)]) or [f"row {number}" for number in range(1, len(shown) + 1)]
    _show(console, shown, names, facts)
    if len(predictions) > len(shown):
        console.print(Text(f"… and {len(predictions) - len(shown)} rows more; --json prints all", "yellow"))
    cut = [
        (name, each["tokens_cut"]) for name, each in zip(names, shown, strict=True)
        if isinstance(each, dict) and each.get("tokens_cut")
    ]  # fmt: skip
    for name, tokens in cut[:_MOST_COMPARED]:
        console.print(Text(f"the model read all but the last {tokens} tokens of: {printable(name)}", "yellow"))
    taken = answer.get("latency_ms")
    took = f" in {taken:g} ms" if isinstance(taken, int | float) else ""
    console.print(Text(f"{answer.get('model', '')} {answer.get('version', '')}{took}", "dim"))


def printable(text: object, longest: int = _LONGEST) -> str:
    """A text for one cell: cut where it is long, and without characters that would command the terminal."""
    line = "".join(each if each.isprintable() else "␣" if each.isspace() else "�" for each in str(text))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _show(console: Console, predictions: Sequence[Any], names: Sequence[str], facts: Facts) -> None:
    kinds: Sequence[tuple[str, Callable[[Console, Sequence[Any], Sequence[str], Facts], None]]] = (
        ("entities", _show_entities), ("objects", _show_objects), ("embedding", _show_embeddings),
        ("class", _show_classes), ("values", _show_values), ("outputs", _show_outputs),
    )  # fmt: skip
    for field, show in kinds:
        if all(isinstance(each, dict) and field in each for each in predictions):
            show(console, predictions, names, facts)
            return
    table = _table("", "prediction")
    for name, each in zip(names, predictions, strict=True):
        table.add_row(Text(printable(name)), Text(printable(json.dumps(each, ensure_ascii=False), 2 * _LONGEST)))
    console.print(table)


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def _ranked(prediction: Mapping[str, Any], facts: Facts) -> list[tuple[str, float]]:
    """The classes with their probabilities, most probable first; empty where nobody says which is which."""
    if isinstance(prediction.get("top"), list):
        return [(str(each["class"]), float(each["probability"])) for each in prediction["top"]]
    probabilities = prediction.get("probabilities") or []
    if len(probabilities) != len(facts.labels):
        return []
    pairs = [(str(label), float(each)) for label, each in zip(facts.labels, probabilities, strict=True)]
    return sorted(pairs, key=lambda pair: -pair[1])


def _confidence(prediction: Mapping[str, Any], ranked: Sequence[tuple[str, float]]) -> float | None:
    """Of the class that was chosen, which with a threshold may not be the most probable one."""
    given = prediction.get("confidence")
    return float(given) if given is not None else dict(ranked).get(str(prediction["class"]))


def _show_classes(console: Console, predictions: Sequence[Any], names: Sequence[str], facts: Facts) -> None:
    if len(predictions) == 1:
        _show_one_class(console, predictions[0], facts)
        return
    table = _table("", "class", "confidence", "next", right=("confidence",))
    for name, each in zip(names, predictions, strict=True):
        ranked = _ranked(each, facts)
        others = [pair for pair in ranked if pair[0] != str(each["class"])][:1]
        table.add_row(
            Text(printable(name)),
            Text(printable(each["class"]), "bold"),
            _percent(_confidence(each, ranked)),
            Text(", ".join(f"{printable(label)} {_percent(share)}" for label, share in others), "dim"),
        )
    console.print(table)


def _show_one_class(console: Console, prediction: Mapping[str, Any], facts: Facts) -> None:
    ranked = _ranked(prediction, facts)
    chosen = str(prediction["class"])
    if not ranked:
        sure = _confidence(prediction, ranked)
        console.print(Text.assemble((printable(chosen), "bold"), "" if sure is None else f"  {_percent(sure)}"))
        return
    table = _table("class", "probability", "", right=("probability",))
    for label, share in ranked[:_MOST_CLASSES]:
        style = "bold green" if label == chosen else ""
        bar = Bar(1, 0, min(max(share, 0), 1), width=_BAR, color="green" if label == chosen else "bright_black")
        table.add_row(Text(printable(label), style), Text(_percent(share), style), bar)
    console.print(table)
    if len(ranked) > _MOST_CLASSES:
        console.print(Text(f"… and {len(ranked) - _MOST_CLASSES} classes less probable", "dim"))


def _show_entities(console: Console, predictions: Sequence[Any], names: Sequence[str], facts: Facts) -> None:
    del facts
    kinds = sorted({str(entity["entity"]) for each in predictions for entity in each["entities"]})
    styles = {kind: _STYLES[place % len(_STYLES)] for place, kind in enumerate(kinds)}
    table = _table("", "entity", "text", "from", "to", "confidence", right=("from", "to", "confidence"))
    for name, each in zip(names, predictions, strict=True):
        if not each["entities"]:
            table.add_row(Text(printable(name)), Text("no entity", "dim"))
        for place, entity in enumerate(each["entities"]):
            kind = str(entity["entity"])
            table.add_row(
                Text(printable(name) if place == 0 else ""),
                Text(printable(kind), styles[kind]),
                Text(printable(entity["text"]), styles[kind]),
                str(entity["start"]),
                str(entity["end"]),
                _percent(entity.get("confidence")),
            )
    console.print(table)


def _show_objects(console: Console, predictions: Sequence[Any], names: Sequence[str], facts: Facts) -> None:
    del facts
    sides = ("left", "top", "right", "bottom")
    table = _table("", "class", "confidence", *sides, right=("confidence", *sides))
    for name, each in zip(names, predictions, strict=True):
        if not each["objects"]:
            table.add_row(Text(printable(name)), Text("no object", "dim"))
        for place, found in enumerate(each["objects"]):
            box = [f"{side:.0f}" for side in found["box"]]
            label = Text(printable(found["class"]), "bold")
            table.add_row(Text(printable(name) if place == 0 else ""), label, _percent(found.get("confidence")), *box)
    console.print(table)


def _show_embeddings(console: Console, predictions: Sequence[Any], names: Sequence[str], facts: Facts) -> None:
    del facts
    vectors = [[float(number) for number in each["embedding"]] for each in predictions]
    if not 1 < len(vectors) <= _MOST_COMPARED:
        table = _table("", "numbers", "norm", "embedding", right=("numbers", "norm"))
        for name, vector in zip(names, vectors, strict=True):
            beginning = ", ".join(f"{number:.3f}" for number in vector[:_MOST_NUMBERS])
            table.add_row(Text(printable(name)), str(len(vector)), f"{math.hypot(*vector):.3f}", f"{beginning}, …")
        console.print(table)
        return
    numbers = [str(number) for number in range(1, len(vectors) + 1)]
    table = _table("", "", "numbers", *numbers, right=("numbers", *numbers))
    for number, name, vector in zip(numbers, names, vectors, strict=True):
        cosines = [f"{_cosine(vector, other):z.2f}" for other in vectors]
        table.add_row(number, Text(printable(name, _LONGEST_COMPARED)), str(len(vector)), *cosines)
    console.print(table)
    console.print(Text("The columns 1, 2, … are cosines: how alike two texts are, 1 at most.", "dim"))


def _show_values(console: Console, predictions: Sequence[Any], names: Sequence[str], facts: Facts) -> None:
    targets = facts.options.get("targets") or {}
    between = ["between"] if any(each.get("interval") for each in predictions) else []
    table = _table("", "target", "value", *between, right=("value",))
    for name, each in zip(names, predictions, strict=True):
        intervals = each.get("interval") or {}
        for place, (target, value) in enumerate(each["values"].items()):
            unit = printable((targets.get(target) or {}).get("unit", ""))
            table.add_row(
                Text(printable(name) if place == 0 else ""),
                Text(printable(target)),
                Text(f"{_number(value)} {unit}".strip(), "bold"),
                *([Text(_interval(intervals.get(target)), "dim")] if between else []),
            )
    console.print(table)


def _interval(interval: Mapping[str, Any] | None) -> str:
    if not interval:
        return ""
    level = interval.get("level")
    sure = "" if level is None else f" ({level:.0%})"
    return f"{_number(interval['low'])} and {_number(interval['high'])}{sure}"


def _show_outputs(console: Console, predictions: Sequence[Any], names: Sequence[str], facts: Facts) -> None:
    del facts
    table = _table("", "output", "shape", "numbers")
    for name, each in zip(names, predictions, strict=True):
        for place, (output, value) in enumerate(each["outputs"].items()):
            shape, flat = _flattened(value)
            beginning = ", ".join(_number(number) for number in flat[:_MOST_NUMBERS])
            more = ", …" if len(flat) > _MOST_NUMBERS else ""
            table.add_row(
                Text(printable(name) if place == 0 else ""), Text(printable(output)), str(shape), beginning + more
            )
    console.print(table)


def _flattened(value: Any) -> tuple[list[int], list[Any]]:  # noqa: ANN401  # nested lists
    """The shape of a tensor and its numbers."""
    shape, flat = list[int](), [value]
    while flat and isinstance(flat[0], list):
        shape.append(len(flat[0]))
        flat = [number for inner in flat for number in inner]
    return shape, flat


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(map(operator.mul, one, other)) / lengths if lengths else 0.0


def _number(value: Any) -> str:  # noqa: ANN401  # JSON
    return f"{value:.5g}" if isinstance(value, float) else printable(value)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
