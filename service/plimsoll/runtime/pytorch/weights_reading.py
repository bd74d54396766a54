"""Reads the weights of a new bundle from a file in any form that holds tensors alone."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from plimsoll.bundle.checked_file import open_plain
from plimsoll.errors import BundleError
from plimsoll.runtime.pytorch.weights_file import LONGEST_HEADER

_SECONDS = 900
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"
_TAR = b"ustar"
_TAR_AT = 257
_MOST_ENTRIES = 1_000_000
_CONVERSION = "plimsoll.runtime.pytorch.checkpoint_conversion"
_FORMS = {
    "torchserve": (
        "the file is an archive of TorchServe; `plimsoll bundle from-mar FILE` takes the weights out of it and says "
        "where the rest goes"
    ),
    "torchscript": (
        "the file is a TorchScript program, which holds code, and it was not opened; if you trust it, save "
        "safetensors.torch.save_file(torch.jit.load(FILE).state_dict(), 'weights.safetensors') and give the class that "
        "it was made of as --factory"
    ),
    "export": (
        "the file is a program of torch.export, which holds code, and it was not opened; save the state dict of the "
        "module that it was made of, and give that module's class as --factory"
    ),
    "other": "the file is a zip archive, and no state dict of torch.save; save model.state_dict()",
}


class Weights(NamedTuple):
    """A file of weights as safetensors, and notes on what was done to it."""

    content: bytes
    notes: list[str]


def read_weights(path: Path) -> Weights:
    """Read a file of safetensors as it is, and a state dict of `torch.save` converted to safetensors.

    A state dict is a pickle. A process of its own reads it, with bounds on its memory and time, and with torch's
    `weights_only`, which runs no code of the file.

    Raises:
        BundleError: with check `weights`, when the file holds more than tensors; the message says what to do instead.
            With check `files`, when it cannot be read.
    """
    try:
        with open_plain(path) as file:
            head = file.read(_TAR_AT + len(_TAR))
            if _may_be_safetensors(head) or not (head.startswith((_ZIP, _PICKLE)) or head[_TAR_AT:] == _TAR):
                return Weights(head + file.read(file.size), [])
    except OSError as error:
        raise BundleError("files", f"the file of weights cannot be read: {error.strerror}") from None
    if head.startswith(_ZIP) and (form := _form_of_zip(path)):
        raise BundleError("weights", _FORMS[form])
    with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
        return _converted(path, Path(folder) / "weights.safetensors")


def _may_be_safetensors(head: bytes) -> bool:
    """Whether the file begins with the length of a header and its brace; such a length may look like another form."""
    return int.from_bytes(head[:8], "little") <= LONGEST_HEADER and head[8:9] == b"{"


def _form_of_zip(path: Path) -> str:
    """The form of a zip archive; empty if it looks like a state dict of torch.save."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()[:_MOST_ENTRIES]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "other"
    if "MAR-INF/MANIFEST.json" in names:
        return "torchserve"
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner:
        return "torchscript"
    if "models/model.json" in inner or "archive_format" in inner:
        return "export"
    return "" if "data.pkl" in inner else "other"


def _converted(path: Path, target: Path) -> Weights:
    # -P: the folder in which the command runs is not searched for modules
    command = [sys.executable, "-P", "-m", _CONVERSION, str(path.absolute()), str(target)]
    try:
        ran = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise BundleError("weights", f"the file of weights was not converted within {_SECONDS} seconds") from None
    try:
        answer = json.loads(ran.stdout)
    except ValueError:
        raise BundleError(
            "weights",
            "the file of weights could not be converted within bounds of memory and time; save model.state_dict() as "
            "safetensors where it was trained",
            ran.stderr[-2000:].decode(errors="replace"),
        ) from None
    if answer["refused"]:
        raise BundleError("weights", answer["refused"])
    return Weights(target.read_bytes(), ["the state dict was converted to safetensors", *answer["notes"]])
