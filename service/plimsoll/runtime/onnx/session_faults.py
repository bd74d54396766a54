"""Says in sentences why ONNX Runtime opens no session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import onnxruntime

from plimsoll.errors import BundleError
from plimsoll.quoting import quote
from plimsoll.runtime.foreign_code import foreign_code

RUNTIME = f"ONNX Runtime {onnxruntime.__version__}"
_SENTENCES = {
    r"Opset (?P<given>\d+) is under development.* domain (?P<domain>\S+) is till opset (?P<most>\d+)": (
        "{file} imports opset {given} of the domain '{domain}', and {runtime} knows it up to {most}; export the model "
        "with opset {most} or lower"
    ),
    r"Unsupported model IR version: (?P<given>\d+), max supported IR version: (?P<most>\d+)": (
        "{file} is of IR version {given}, and {runtime} reads up to {most}; write it with an older onnx package, or "
        "set ir_version to {most} or lower"
    ),
    r"No Op registered for (?P<operator>\S{1,64}) with domain_version of (?P<given>\d+)": (
        "{file} uses the operator '{operator}', which is not in opset {given} of its domain; export the model with "
        "standard operators"
    ),
    r"Could not find an implementation for (?P<operator>\S{1,64})\((?P<given>\d+)\)": (
        "{runtime} cannot compute the operator '{operator}' of version {given} with the datatypes that {file} gives "
        "it; export the model with a newer opset or with other datatypes"
    ),
    r"Missing opset in the model": "{file} does not say which opset its operators are from; export the model again",
    r"protobuf parsing failed|No graph was found": "{file} is not an ONNX file",
}
"""By the words of ONNX Runtime's errors. Those of another release may differ; then the sentence is a general one."""


@contextmanager
def session_faults(file: str) -> Iterator[None]:
    """Turn an error of the block, which opens a session of `file`, into a `BundleError`.

    Raises:
        BundleError: with check `format` for a known reason; or with check `weights` for any other, and the words of
            ONNX Runtime as its detail.
    """
    try:
        with foreign_code("weights", f"{RUNTIME} cannot open {file}"):
            yield
    except BundleError as error:
        for pattern, sentence in _SENTENCES.items():
            if found := re.search(pattern, error.detail):
                words = {
                    name: text if text.isdigit() else quote(text).strip("'") for name, text in found.groupdict().items()
                }
                raise BundleError("format", sentence.format(file=file, runtime=RUNTIME, **words)) from error
        raise
