"""The table of the kinds of models in docs/models.md, and the records that the tests of the kinds hold true."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

RECORDS = Path(__file__).with_name("kinds.json")
_RECORDS_WANTED = "PLIMSOLL_RECORD_KINDS"
"""The variable that `make kinds-table` sets, so that the tests write their records and do not compare them."""
_MOST_SHOWN = 2
"""Items of a list; one more stands for the others."""
_EVERY_COMMIT = "tests/integration/test_kinds_of_models.py"


class Kind(NamedTuple):
    """One row of the table: the model, the file that its maker has, and the test that brings it to an answer.

    A `nightly` kind takes long: `make kinds` runs it, and `make test` does not.
    """

    title: str
    file: str
    test: str = _EVERY_COMMIT
    nightly: bool = False


class Proof(NamedTuple):
    """One kind from its file to its answer: the words of each command, one request and the prediction for its row.

    `difference` is the greatest one between an answer of the server and that of the model's maker, of all requests.
    """

    commands: Sequence[Sequence[str]]
    path: str
    body: Any
    prediction: Any
    difference: float


_TORCH = "state dict, `.safetensors`"
KINDS: Mapping[str, Kind] = {
    "classifier-by-name": Kind("classifier of a table, a feature by its name", _TORCH),
    "regressor-by-name": Kind("regressor of a table, a feature by its name", _TORCH),
    "classifier-of-rows": Kind("classifier of rows of numbers", _TORCH),
    "regressor-of-rows": Kind("regressor of rows of numbers", _TORCH),
    "uint8-nhwc": Kind("image CNN on uint8 NHWC", _TORCH),
    "float-nchw": Kind("image CNN on float NCHW", _TORCH),
    "embedding-bag": Kind("EmbeddingBag over int64 of open length", _TORCH),
    "two-inputs": Kind("two inputs", _TORCH),
    "several-outputs": Kind("several outputs, a tuple", _TORCH),
    "masked-transformer": Kind("masked transformer of open length, [padded](lengths.md)", _TORCH),
    "fp16": Kind("fp16", _TORCH),
    "bf16": Kind("bf16", _TORCH),
    "onnx-from-torch": Kind("ONNX, exported from torch", _TORCH),
    "onnx-from-elsewhere": Kind("ONNX from elsewhere, made with `onnx.helper`", "`.onnx`"),
    "module-prefix": Kind("state dict with `module.`", "checkpoint of `torch.save`, `.pth`"),
    "gives-dict": Kind("a module that returns a dict", _TORCH),
    "named-tuple": Kind("a module that returns a named tuple", _TORCH),
    "hugging-face": Kind("folder of Hugging Face, a BERT", "folder", "tests/large/test_hugging_face.py", nightly=True),
    "own-task": Kind(
        "text and categories, by [a task of its own](own-task.md)", _TORCH, "tests/integration/test_own_task.py"
    ),
    "gigabyte": Kind("1 GB of weights", _TORCH, "tests/large/test_gigabyte.py", nightly=True),
    "recurrent": Kind("LSTM over series of open length", _TORCH),
    "bool-mask-int32": Kind("ids of int32 with a mask of truths", _TORCH),
    "video-uint8": Kind("3-D convolution on uint8 video", _TORCH),
    "fp64-scalar": Kind("fp64, one number a row", _TORCH),
}
"""In the order of the table."""


def proven(name: str, proof: Proof) -> None:
    """Print the row of a kind, and hold it to the committed record; or write the record, for `make kinds-table`.

    A record has the commands and the request of the test, with long lists cut short, and one answer. The numbers of an
    answer and the difference are those of the machine that wrote it, so they are not compared.
    """
    record = {
        "commands": [f"plimsoll {shlex.join(words)}" for words in proof.commands],
        "request": f"POST {proof.path} {short(proof.body)}",
        "prediction": short(proof.prediction),
        "difference": f"{proof.difference:.0e}" if proof.difference else "0",
    }
    print(f"\n{name}", *(f"{key}: {value}" for key, value in record.items()), sep="\n  ")  # noqa: T201  # with -s
    records = read_records()
    if os.environ.get(_RECORDS_WANTED):
        records[name] = record
        ordered = {each: records[each] for each in KINDS if each in records}
        RECORDS.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    held = {key: record[key] for key in ("commands", "request")}
    assert {key: records.get(name, {}).get(key) for key in held} == held, "run make kinds-table"


def read_records() -> dict[str, dict[str, Any]]:
    """The committed record of each kind by its name; none before the first `make kinds-table`."""
    if not RECORDS.exists():
        return {}
    records: dict[str, dict[str, Any]] = json.loads(RECORDS.read_text(encoding="utf-8"))
    return records


def short(value: Any) -> str:
    """JSON with long lists cut and numbers of three digits, for a person to read."""
    match value:
        case dict():
            return "{" + ", ".join(f'"{name}": {short(each)}' for name, each in value.items()) + "}"
        case list():
            shown = value if len(value) <= _MOST_SHOWN + 1 else value[:_MOST_SHOWN]
            if value and isinstance(value[0], list):
                shown = value[:1]
            return "[" + ", ".join([*map(short, shown), *(["…"] if len(shown) < len(value) else [])]) + "]"
        case float():
            return f"{value:.3g}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def table() -> str:
    """The table of docs/models.md."""
    rows = [
        "| model | its maker's file | commands | a request | its prediction | greatest difference | test |",
        "|---|---|---|---|---|---|---|",
    ]
    records = read_records()
    for name, kind in KINDS.items():
        record = records[name]
        commands = "<br>".join(f"`{_shown(command)}`" for command in record["commands"])
        test = f"[{name}](../{kind.test})" + (", nightly" if kind.nightly else "")
        body = record["request"].partition(" {")[2]
        rows.append(
            f"| {kind.title} | {kind.file} | {commands} | `{{{body}` | `{record['prediction']}` | "
            f"{record['difference']} | {test} |"
        )
    return "\n".join(rows)


def _shown(command: str) -> str:
    """A command without the words that every command has, and with one word for the package of a factory."""
    plain = re.sub(r" --(name|version)[= ]\S+| --no-ask", "", command)
    return re.sub(r"(?<=factory[= ])[\w.]+(?=:)", "ours", plain).replace("|", "\\|")
