"""The tables of docs/tasks.md: every task of the server, and every model of the examples with its measured quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.golden_requests import read_requests
from plimsoll.bundle.manifest import Metric
from plimsoll.cli.input_requests import WAYS
from plimsoll.settings import Settings, variable_name
from plimsoll.tasks import TASKS
from plimsoll.tasks.number_rows import MAX_ROWS

from tests.contracts.example_models import MODELS, REPOSITORY, Model
from tests.contracts.kinds import short

_LONGEST_TEXT = 60
_ROWS = f"{MAX_ROWS} rows in a request"


class TaskWords(NamedTuple):
    """One row of the table; `settings` are those that bound a request, besides the longest body."""

    purpose: str
    request: str
    prediction: str
    limit: str = _ROWS
    settings: Sequence[str] = ()


_TEXTS = '`{"text": "…"}` or `{"instances": ["…", …]}`'
_TABLE = '`{"features": […]}`, `{"columns": {"age": 41}}`, `{"instances": […]}` of either, or `text/csv`'
_PICTURES = '`{"image": "<base64>"}`, `{"instances": [...]}`, an `image/*` body, or `multipart/form-data` with several'
_TOKENS = f"{_ROWS}; a text is cut after the tokens that the model reads, and the answer says how many were cut"
_DECODED = f"{_ROWS}; size and pixels are checked before a picture is decoded"
_OF_PICTURES = ("max_picture_bytes", "max_picture_pixels", "decode_threads")
TASK_WORDS: Mapping[str, TaskWords] = {
    "tabular-classification": TaskWords(
        "the class of a row of a table", _TABLE, '`{"class", "probabilities"}`', f"{_ROWS}, finite numbers"
    ),
    "tabular-regression": TaskWords(
        "numbers for a row of a table",
        _TABLE,
        '`{"values": {target: number}}`, and `interval` where the model has one',
        f"{_ROWS}, finite numbers",
    ),
    "tensors": TaskWords(
        "any signature: the tensors themselves",
        '`{"inputs": {name: nested lists}}` or `{"instances": [{name: …}, …]}`',
        '`{"outputs": {name: nested lists}}`',
        f"{_ROWS}; 250 000 numbers where the signature leaves lengths open",
    ),
    "text-classification": TaskWords(
        "the class of a text, such as its sentiment",
        _TEXTS,
        '`{"class", "probabilities", "confidence", "tokens", "tokens_cut"}`',
        _TOKENS,
        ("max_input_tokens",),
    ),
    "token-classification": TaskWords(
        "the named entities of a text, and where they are",
        _TEXTS,
        '`{"entities": [{"entity", "start", "end", "text", "confidence"}], "tokens", "tokens_cut"}`',
        _TOKENS,
        ("max_input_tokens",),
    ),
    "embeddings": TaskWords(
        "a vector for a text, for search and comparison",
        _TEXTS,
        '`{"embedding": […], "tokens", "tokens_cut"}`',
        _TOKENS,
        ("max_input_tokens",),
    ),
    "image-classification": TaskWords(
        "the class of a picture",
        _PICTURES,
        '`{"class", "confidence", "top": [{"class", "probability"}], "probabilities"}`',
        _DECODED,
        _OF_PICTURES,
    ),
    "object-detection": TaskWords(
        "the objects in a picture, and where they are",
        _PICTURES,
        '`{"objects": [{"class", "confidence", "box": [left, top, right, bottom]}]}` in pixels of the picture',
        _DECODED,
        _OF_PICTURES,
    ),
}
"""By task, in the order of the table."""


def tables() -> str:
    """The generated part of docs/tasks.md. Raises a `KeyError` for a task without words."""
    rows = ["| task | gives | body | prediction | limits | `plimsoll predict` |", "|---|---|---|---|---|---|"]
    for name in sorted(TASKS, key=list(TASK_WORDS).index):
        words = TASK_WORDS[name]
        rows.append(
            f"| `{name}` | {words.purpose} | {words.request} | {words.prediction} | {_limits(words)} | "
            f"{_options(WAYS[name])} |"
        )
    return "\n".join([*rows, "", "## The models of examples/models", "", _summary(MODELS), *map(_section, MODELS)])


def anchor_of(model: Model) -> str:
    """The address of a model's section within the page."""
    return str(model).replace(" ", "-").replace(".", "")


def _limits(words: TaskWords) -> str:
    bounded = ["max_body_bytes", *(name for name in words.settings if name in Settings.model_fields)]
    return f"{words.limit}; {', '.join(f'`{variable_name(name)}`' for name in bounded)}"


def _options(ways: str) -> str:
    return ", ".join(f"`{word.strip(',')}`" for word in ways.split() if word != "or")


def _summary(models: Sequence[Model]) -> str:
    rows = ["| model | task | measured on rows that it has not seen | size |", "|---|---|---|---|"]
    for model in models:
        manifest = model.manifest
        link = f"[{model}](#{anchor_of(model)})"
        size = sum(model.sizes().values())
        rows.append(f"| {link} | `{manifest.task}` | {_metrics(manifest.metrics)} | {_size(size)} |")
    return "\n".join(rows)


def _section(model: Model) -> str:
    manifest = model.manifest
    data = manifest.training_data
    methods = dict.fromkeys(each.method for each in manifest.metrics.values())
    place = model.folder.relative_to(REPOSITORY).as_posix()
    facts = {
        "quality": _metrics(manifest.metrics),
        "method": "; ".join(methods),
        "trained on": "" if data is None else f"{_count(data.rows)} rows of {data.name}; {data.source}",
        "licence of the data": "" if data is None else data.licence,
        "bundle": f"`{place}`, {manifest.model.format}, {manifest.licence}",
    }
    for request in read_requests(open_bundle(model.folder))[:1]:
        facts["a request"] = f"`{_shown(orjson.loads(request.body))}`"
        facts["its prediction"] = f"`{_shown(request.predictions[0])}`"
    rows = [f"| {name} | {fact} |" for name, fact in facts.items()]
    return "\n".join([f"\n### {model}\n", f"{manifest.description}\n", "| | |", "|---|---|", *rows])


def _metrics(metrics: Mapping[str, Metric]) -> str:
    return "; ".join(
        f"{name} {_number(each.value)} ({_number(each.low)} to {_number(each.high)}) on {_count(each.rows)} rows"
        for name, each in metrics.items()
    )


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _count(rows: int) -> str:
    return f"{rows:,}".replace(",", " ")


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _shown(value: Any) -> str:
    return short(_cut(value)).replace("|", "\\|").replace("`", "'")


def _cut(value: Any) -> Any:
    """JSON without the rest of long texts, such as pictures."""
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_LONGEST_TEXT]}…"
    if isinstance(value, dict):
        return {name: _cut(each) for name, each in value.items()}
    return [_cut(each) for each in value] if isinstance(value, list) else value
