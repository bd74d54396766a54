"""`plimsoll bundle from-mar`: what a TorchServe archive becomes here."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from plimsoll.drafts import replace_file
from plimsoll.errors import BundleError

_WEIGHTS = "weights.safetensors"
_LABELS = "labels.json"


class _Handler(NamedTuple):
    """The steps of a built-in handler of TorchServe, and their place here."""

    before: str
    before_goes: str
    after: str
    after_goes: str


_NORMALISED = (
    "resized the shorter side of a picture to 256 pixels, cut out the middle 224 x 224, scaled the pixels to 0..1 and "
    "normalised them with mean [0.485, 0.456, 0.406] and deviation [0.229, 0.224, 0.225]"
)
_OR_TASK = "or a task of your own (docs/own-task.md)"
_PICTURES = (
    f"decoding and resizing to the client {_OR_TASK}; scaling and normalising to forward, which takes uint8 "
    "[224, 224, 3]"
)
_HANDLERS = {
    "image_classifier": _Handler(
        _NORMALISED,
        _PICTURES,
        "softmax, and the five most probable classes by the names in index_to_name.json",
        "forward ends with torch.softmax(scores, 1); --labels names the classes, and each answer has all of them",
    ),
    "image_segmenter": _Handler(
        _NORMALISED,
        _PICTURES,
        "softmax of the output 'out', and for each pixel the most probable class and its probability",
        "forward; return both as named outputs, {'class': ..., 'probability': ...}",
    ),
    "object_detector": _Handler(
        "scaled the pixels of one picture to 0..1",
        f"scaling to forward, which takes uint8; decoding to the client {_OR_TASK}",
        "the boxes and classes of scores above 0.5",
        "forward; pad the boxes to a fixed number, because all rows of a batch have one shape",
    ),
    "text_classifier": _Handler(
        "removed HTML tags, accents and punctuation, wrote contractions out, split the text into words, and looked up "
        "words and pairs of words in source_vocab.pt",
        f"the client, which sends token ids, {_OR_TASK}; let forward take ids of shape [rows, length] in place of text "
        "and offsets, and give examples of two lengths",
        "softmax, and every class by the names in index_to_name.json",
        "forward ends with torch.softmax(scores, 1); --labels names the classes",
    ),
    "base_handler": _Handler(
        "made a tensor of the numbers in the body",
        "nothing to do: clients send the numbers",
        "gave the numbers of the tensor",
        "nothing to do",
    ),
}
_OWN = _Handler(
    "its own preprocess()",
    f"arithmetic on tensors to forward; decoding of pictures and text to the client {_OR_TASK}",
    "its own postprocess()",
    f"arithmetic on tensors to forward; --labels names the classes; the rest to the client {_OR_TASK}",
)


def from_mar(
    file: Annotated[Path, typer.Argument(help="The .mar archive of TorchServe.", exists=True, dir_okay=False)],
    to: Annotated[Path, typer.Option(help="Folder for weights.safetensors and labels.json.", file_okay=False)] = Path(),
) -> None:
    """Take the weights out of a TorchServe archive, and print what its handler did. Runs nothing of the archive."""
    from plimsoll.runtime.pytorch.torchserve_archive import read_archive

    archive = read_archive(file)
    handler = _HANDLERS.get(archive.handler, _OWN)
    built_in = "built into TorchServe" if archive.handler in _HANDLERS else "code of the archive, which was not run"
    _fact("model", f"{_printable(archive.name)} {_printable(archive.version)}")
    _fact("handler", f"{_printable(archive.handler) or 'none'}, {built_in}")
    _fact("before", handler.before)
    _fact("  goes to", handler.before_goes)
    _fact("after", handler.after)
    _fact("  goes to", handler.after_goes)
    if archive.model_file is not None:
        _fact("module", f"the class in {_printable(archive.model_file)}; put it into a package, for --factory")
    if archive.files:
        _fact("other files", ", ".join(map(_printable, archive.files[:10])) + (", ..." if archive.files[10:] else ""))
    targets = {_WEIGHTS: to / _WEIGHTS, **({_LABELS: to / _LABELS} if archive.labels else {})}
    if there := [name for name, target in targets.items() if target.exists()]:
        raise BundleError("files", f"{there[0]} exists already in the folder of --to; choose another folder")
    try:
        to.mkdir(parents=True, exist_ok=True)
        weights = archive.weights(to)
        replace_file(targets[_WEIGHTS], weights.content, mode=0o644)
        if archive.labels:
            replace_file(targets[_LABELS], json.dumps(archive.labels).encode(), mode=0o644)
    except OSError as error:
        raise BundleError("files", f"the weights cannot be written: {error.strerror}") from None
    _fact("weights", f"{targets[_WEIGHTS]}, {weights.notes[0] if weights.notes else 'as they were'}")
    for note in weights.notes[1:]:
        _fact("", note)
    command = (
        f"plimsoll bundle create --name {archive.bundle_name} --version {archive.bundle_version} "
        f"--factory PACKAGE.MODULE:CLASS --weights {shlex.quote(str(targets[_WEIGHTS]))} --example ROWS.npy"
    )
    if archive.labels:
        command += f' --labels "$(cat {shlex.quote(str(targets[_LABELS]))})"'
    _fact("next", command)


def _fact(name: str, value: str) -> None:
    typer.echo(f"{typer.style(f'{name:12}', bold=True)} {value}")


def _printable(text: str) -> str:
    """A foreign text as a terminal may show it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:100])
