"""Makes an ONNX bundle's model of a folder of Hugging Face. The server never needs torch or transformers for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.drawn_rows import InputKind, drawn_examples
from plimsoll.runtime.new_model import NewModel
from plimsoll.runtime.onnx.new_model import NewOnnxModel
from plimsoll.runtime.pytorch.hugging_face_export import IDS, MASK, export_folder

TOKENIZER_FILE = "tokenizer.json"
_LONGEST = 512
"""Tokens of a row, where the folder allows more: warm-up runs every length."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A model that was exported from a folder; rows have up to `longest` of `vocabulary` tokens.

    `minimum` and `maximum` bound its inputs by name.
    """

    model: NewModel
    title: str
    vocabulary: int
    longest: int
    about: Mapping[str, Any]
    examples: Sequence[Tensors]
    minimum: Mapping[str, float]
    maximum: Mapping[str, float]


def open_folder(folder: Path) -> Folder:
    """Export the model of a folder, whose weights are safetensors and whose code is part of transformers.

    The bundle gets `tokenizer.json` too, for clients and for tasks that read text. Padding is switched on.

    Raises:
        BundleError: with check `format` or `weights`; nothing of the folder is run but what transformers brings.
    """
    exported = export_folder(folder)
    model = NewOnnxModel(exported.content, file=folder.name)
    tokenizer = folder / TOKENIZER_FILE
    if tokenizer.exists():
        model.files = {**model.files, TOKENIZER_FILE: tokenizer.read_bytes()}
    longest = min(_longest_of(folder) or exported.positions, exported.positions, _LONGEST)
    kinds = [InputKind(IDS, "INT64", [None, None]), InputKind(MASK, "INT64", [None, None])]
    padding = {"longest": longest, "mask": MASK, "values": {IDS: exported.pad}}
    description = f"{exported.architecture}, from a folder of Hugging Face; the golden samples are drawn tokens."
    about = {"description": description, "options": {"padding": padding}}
    minimum, maximum = {IDS: 0, MASK: 0}, {IDS: exported.vocabulary - 1, MASK: 1}
    examples = drawn_examples(kinds, minimum, maximum)
    return Folder(model, exported.architecture, exported.vocabulary, longest, about, examples, minimum, maximum)


def _longest_of(folder: Path) -> int | None:
    """The most tokens of a row, as the configuration of the tokenizer has it."""
    try:
        document = json.loads((folder / "tokenizer_config.json").read_bytes())
    except (OSError, ValueError):
        return None
    length = document.get("model_max_length") if isinstance(document, dict) else None
    return length if isinstance(length, int) and 0 < length <= 1 << 20 else None
